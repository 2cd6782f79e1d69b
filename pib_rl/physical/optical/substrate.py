"""The optical substrate: a modulator, a scattering medium and a camera, with digital or optical weights."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from pib_rl.common.streams import Streams
from pib_rl.physical.digital import DigitalArray
from pib_rl.physical.meter import Meter
from pib_rl.physical.optical.bench_file import read_bench
from pib_rl.physical.optical.blocks import BenchBlocks
from pib_rl.physical.optical.config import OpticalConfig
from pib_rl.physical.optical.multiplier import MultiplierArray
from pib_rl.physical.optical.presets import PRESETS
from pib_rl.physical.optical.scattering import DetailedMedium, ScatteringMedium
from pib_rl.physical.substrate import Array, Medium, Substrate


class Optical(Substrate):
    """Light through a scattering medium, with digital or optical weights."""

    name = "optical"
    wafers = True
    Config = OpticalConfig
    presets = PRESETS
    file_option = "bench"

    def __init__(self, config: Any = None, streams: Streams | None = None, meter: Meter | None = None) -> None:
        super().__init__(config, streams, meter)
        self.pointwise = self.config.pointwise
        self._blocks: BenchBlocks | None = None

    @classmethod
    def read_file(cls, path: Path) -> Any:
        return cls.read_options(path)["bench"]

    @classmethod
    def read_options(cls, path: Path) -> dict[str, Any]:
        return read_bench(path)

    def make_medium(self, in_features: int, out_features: int) -> Medium:
        pixels = self.config.camera_pixels
        if self.config.pixels_per_drive is not None:
            pixels = min(pixels, math.ceil(self.config.pixels_per_drive * in_features))
        kind = ScatteringMedium if self.config.plain else DetailedMedium
        if self._blocks is None and self.config.own is not None:
            self._blocks = BenchBlocks(self.config.own, self.config, self.streams)
        return kind(in_features, max(out_features, pixels), self.config, self.streams, self._blocks)

    def make_array(self, in_features: int, out_features: int, *, readout: bool = False) -> Array:
        if self.config.array == "digital":
            return DigitalArray(in_features, out_features, self.meter, self.streams, readout)
        return MultiplierArray(in_features, out_features, self.config, self.meter, self.streams, readout)
