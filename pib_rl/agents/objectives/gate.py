"""Weights of target dimensions by their explained variance: what a unit can't know weighs nothing."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pib_rl.agents.objectives.gram import TINY
from pib_rl.agents.objectives.target import Target


class TargetGate(nn.Module):
    """Weights of target dimensions by how much of each a unit explains.

        gate_d = min(1, (max(R2_d, 0) + 0.002) / 0.05),   w_d = gate_d / max(1, sum of the gates of d's block),

    with R2_d the running mean (rate 0.02) of 1 + lost - e_d / var y_d: the explained variance, raised by what the
    regression loses on a target of pure noise, so that it is 0 on average there. A dimension of noise weighs almost
    nothing, and the dimensions of one block share at most one unit of weight.

    Args:
        features: Target dimensions D.
        chips: Leading axes, see `Streams.chips`.
        shut: False for w_d = 1, always.
    """

    floor, full, rate = 0.002, 0.05, 0.02
    explained: Tensor

    def __init__(self, features: int, shut: bool = True, chips: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.shut = shut
        self.register_buffer("explained", torch.zeros((*chips, features), dtype=torch.float32))

    def forward(self, error: Tensor, lost: Tensor, y: Tensor, target: Target) -> Tensor:
        """Weights, shape (*chips, D), after taking in a batch.

        Args:
            error: Mean squared error of each dimension, shape (*chips, D).
            lost: Fraction of its variance that the regression loses on a target of noise, shape (*chips).
            y: The targets, centred, shape (*chips, n, D) or (n, D).
            target: The same with its blocks.
        """
        if not self.shut:
            return torch.ones_like(error)
        gain = lost[..., None] + 1 - error / y.square().mean(-2).clamp_(min=TINY)
        self.explained.lerp_(gain.to(self.explained), self.rate)
        gate = (self.explained.clamp(min=0) + self.floor).div_(self.full).clamp_(max=1)
        return target.shared(gate.to(error))
