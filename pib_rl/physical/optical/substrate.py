"""The optical substrate: a modulator, a scattering medium and a camera, with digital or optical weights."""

from __future__ import annotations

import math

from pib_rl.physical.digital import DigitalArray
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

    def make_medium(self, in_features: int, out_features: int) -> Medium:
        pixels = self.config.camera_pixels
        if self.config.pixels_per_drive is not None:
            pixels = min(pixels, math.ceil(self.config.pixels_per_drive * in_features))
        kind = ScatteringMedium if self.config.plain else DetailedMedium
        return kind(in_features, max(out_features, pixels), self.config, self.streams)

    def make_array(self, in_features: int, out_features: int, *, readout: bool = False) -> Array:
        if self.config.array == "digital":
            return DigitalArray(in_features, out_features, self.meter, self.streams, readout)
        return MultiplierArray(in_features, out_features, self.config, self.meter, self.streams, readout)
