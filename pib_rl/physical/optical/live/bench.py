"""A real bench: a modulator and a camera driven through objects of slmsuite, or any others with the same methods."""

from __future__ import annotations

from abc import abstractmethod

from pib_rl.physical.digital import DigitalArray
from pib_rl.physical.optical.live.medium import LiveMedium
from pib_rl.physical.optical.live.pair import Pair
from pib_rl.physical.optical.live.parts import ImageSource, LiveBenchConfig, PhaseScreen
from pib_rl.physical.substrate import Array, Medium, Substrate


class LiveBench(Substrate):
    """A modulator and a camera on the table, with digital weights.

    A subclass gives its ``name`` and opens the two in `open`; `pib_rl.physical.register` makes it known. All networks
    of a process share them. A unit takes whatever macropixels and camera regions its seed says, others may use the
    same: units are measured one after the other.
    """

    Config = LiveBenchConfig

    @classmethod
    @abstractmethod
    def open(cls) -> tuple[PhaseScreen, ImageSource]:
        """Opens modulator and camera, once per process, when they are first needed."""

    def make_medium(self, in_features: int, out_features: int) -> Medium:
        outputs = max(out_features, self.config.camera_regions)
        return LiveMedium(in_features, outputs, self.config, self.streams, Pair(self.name, self.open))

    def make_array(self, in_features: int, out_features: int, *, readout: bool = False) -> Array:
        return DigitalArray(in_features, out_features, self.meter, self.streams, readout)
