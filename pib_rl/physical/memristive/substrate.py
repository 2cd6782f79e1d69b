"""The memristive substrate: crossbars of memristors and saturating analog activations."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from pib_rl.physical.memristive.activation import ActivationMedium
from pib_rl.physical.memristive.config import MemristiveConfig
from pib_rl.physical.memristive.devices import DEVICES
from pib_rl.physical.memristive.linear import LinearCrossbar
from pib_rl.physical.memristive.own_device import read_device, read_stuck
from pib_rl.physical.memristive.programming import DEFAULT, PROGRAMMINGS
from pib_rl.physical.memristive.pulsed import PulsedCrossbar
from pib_rl.physical.substrate import Array, Medium, Substrate


class Memristive(Substrate):
    """Memristor crossbars with analog activations."""

    name = "memristive"
    wafers = True
    Config = MemristiveConfig
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {name: {"device": name} for name in DEVICES}
    file_option = "device"
    input_gain = 0.5  # a saturated activation hides the ends of an input's range
    drive_gain = 1.5
    drive_offset = 1.0

    @classmethod
    def read_file(cls, path: Path) -> Any:
        return read_device(path)

    @classmethod
    def read_options(cls, path: Path) -> dict[str, Any]:
        stuck = read_stuck(path)
        return super().read_options(path) | ({} if stuck is None else {"stuck": stuck})

    def make_medium(self, in_features: int, out_features: int) -> Medium:
        return ActivationMedium(in_features, self.config, self.streams)

    def make_array(self, in_features: int, out_features: int, *, readout: bool = False) -> Array:
        config = self.config
        device = config.made_of
        if device is None:
            return LinearCrossbar(in_features, out_features, config, self.meter, self.streams, readout)
        programming = PROGRAMMINGS[config.programming or DEFAULT](self.streams, device)
        return PulsedCrossbar(in_features, out_features, config, device, programming, self.meter, self.streams, readout)
