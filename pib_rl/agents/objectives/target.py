"""Targets: what is broadcast to every unit as the third factor of its learning rule."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pib_rl.agents.objectives.gram import squared_distances, without_diagonal


@dataclass(frozen=True)
class Target:
    """A batch of targets.

    Args:
        values: Shape (..., n, D): real values, or one-hot classes; without leading axes they are the same on all chips.
        blocks: Sizes of the blocks of dimensions that share one unit of weight, in order; their sum is D. Empty for
            every dimension by itself.
        classes: The values are one-hot classes: samples are alike when their class is the same.
    """

    values: Tensor
    blocks: tuple[int, ...] = ()
    classes: bool = False

    def take(self, pick: Tensor) -> Target:
        """The targets of some samples."""
        return Target(self.values.index_select(-2, pick), self.blocks, self.classes)

    def shared(self, weights: Tensor) -> Tensor:
        """Weights per dimension, shape (..., D), scaled down where a block's sum exceeds 1."""
        if not self.blocks:
            return weights
        parts = torch.split(weights, list(self.blocks), -1)
        return torch.cat([part / part.sum(-1, keepdim=True).clamp_(min=1) for part in parts], -1)

    def similarity(self) -> Tensor:
        """Gram matrix of the target with zero diagonal, squared like k, shape (..., n, n), entries 0..1.

        Classes: 1 for the same class. Real values: exp(-|y_i - y_j|_w^2 / |w|_1) with y standardised per dimension
        and |.|_w weighted by the shared weights, so that two independent samples lie at distance 2.
        """
        y = self.values
        if self.classes:
            same = y @ y.mT
        else:
            y = (y - y.mean(-2, keepdim=True)) / y.std(-2, keepdim=True).clamp(min=1e-6)
            weights = self.shared(y.new_ones(y.shape[-1]))
            y = y * (weights / weights.sum()).sqrt()
            same = squared_distances(y).neg_().exp_()
        return without_diagonal(same)
