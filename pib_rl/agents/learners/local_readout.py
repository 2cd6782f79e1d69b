"""A readout of a unit's own: kept by the controller as numbers, so that the unit has a loss without any other unit."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pib_rl.agents.network.optimisers import Adam
from pib_rl.agents.network.readout import with_one
from pib_rl.agents.network.unit import Unit
from pib_rl.common.streams import FABRICATION, Streams


class LocalReadout(nn.Module):
    """o = O [t; 1] from one unit's outputs z, saturated to t = tanh(gain ((z - m)/s + b)).

    m and s are the statistics of the unit's gain control, b is fixed and random. The saturation stands for the medium
    behind the unit, which is neither known nor asked. O is no array of the chip: it has no noise and costs no writes.

    Args:
        unit: Whose outputs it reads.
        outputs: Outputs of the chip's readout; it has as many.
        gain: Slope of the saturation.
        offset: Half width of the offsets b; they are uniform.
        streams: Named random streams; the offsets are drawn at fabrication, aside from all that chips draw.

    Attributes:
        weight: O, shape (*chips, outputs, out_features + 1), zero at first.
        shift: b, shape (*chips, 1, out_features); the same at all positions of an image.
    """

    weight: Tensor
    shift: Tensor

    def __init__(self, unit: Unit, outputs: int, gain: float, offset: float, streams: Streams) -> None:
        super().__init__()
        self.gain = gain
        shift = (2 * streams.uniform(FABRICATION, streams.zeros(1, unit.array.out_features)) - 1) * offset
        self.register_buffer("shift", torch.cat([shift] * unit.positions, -1))
        self.register_buffer("weight", streams.zeros(outputs, unit.out_features + 1))
        self.optimiser = Adam(tuple(self.weight.shape))

    def inputs(self, standard: Tensor) -> Tensor:
        """[t; 1], shape (*chips, n, out_features + 1), from (z - m)/s, shape (*chips, n, out_features)."""
        return with_one(((standard + self.shift) * self.gain).tanh_())

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs o, shape (*chips, n, outputs)."""
        return inputs @ self.weight.mT

    def pull(self, inputs: Tensor, gradient: Tensor) -> Tensor:
        """dL/d((z - m)/s), shape (*chips, n, out_features), from dL/do, shape (*chips, n, outputs)."""
        slope = 1 - inputs[..., :-1].square()
        return (gradient @ self.weight[..., :-1]).mul_(slope).mul_(self.gain)

    def step(self, inputs: Tensor, gradient: Tensor, rate: float) -> None:
        """One step of Adam along dL/dO; ``rate`` is in units of 1/(out_features + 1), as that of `Readout.step`."""
        self.weight.add_(self.optimiser.step(gradient.mT @ inputs, rate / inputs.shape[-1]))
