"""What policies and models have in common: inputs, units and a readout on one chip."""

from __future__ import annotations

import torch

from pib_rl.agents.network import Network
from pib_rl.agents.normaliser import Normaliser
from pib_rl.agents.readout import Readout


class OnHardware:
    """Mixin of modules that hold a normaliser, a network and a readout."""

    normaliser: Normaliser
    network: Network
    readout: Readout

    @property
    def device(self) -> torch.device:
        """Where the buffers live."""
        return self.normaliser.mean.device

    @property
    def answer_features(self) -> int:
        """Inputs of the network for an answer (an action, a label), behind those for the observation."""
        return self.network.in_features - len(self.normaliser.mean)

    @property
    def devices(self) -> int:
        """Programmable devices of all arrays."""
        return self.readout.array.devices + sum(unit.array.devices for unit in self.network.chain)
