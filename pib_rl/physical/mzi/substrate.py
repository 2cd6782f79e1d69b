"""The mzi substrate: light in a fixed mesh of Mach-Zehnder interferometers, weights in the phases of others."""

from __future__ import annotations

from pib_rl.physical.mzi.config import MZIConfig
from pib_rl.physical.mzi.mesh import MeshMedium
from pib_rl.physical.mzi.weight_bank import WeightBank
from pib_rl.physical.substrate import Array, Medium, Substrate


class MZI(Substrate):
    """Meshes of Mach-Zehnder interferometers, with weights held by thermo-optic phases."""

    name = "mzi"
    wafers = True
    Config = MZIConfig

    def make_medium(self, in_features: int, out_features: int) -> Medium:
        ports = max(self.config.ports, in_features + 1, out_features)
        return MeshMedium(in_features, ports, self.config, self.streams)

    def make_array(self, in_features: int, out_features: int, *, readout: bool = False) -> Array:
        return WeightBank(in_features, out_features, self.config, self.meter, self.streams, readout)
