"""Targets: what is broadcast to every unit as the third factor of its learning rule."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Target:
    """A batch of targets.

    Args:
        values: Shape (n, D): real values, or one-hot classes.
        blocks: Sizes of the blocks of dimensions that share one unit of weight, in order; their sum is D. Empty for
            every dimension by itself.
        classes: The values are one-hot classes: samples are alike when their class is the same.
    """

    values: Tensor
    blocks: tuple[int, ...] = ()
    classes: bool = False

    def take(self, pick: Tensor) -> Target:
        """The targets of some samples."""
        return Target(self.values[pick], self.blocks, self.classes)

    def shared(self, weights: Tensor) -> Tensor:
        """Weights per dimension, shape (D,), scaled down where a block's sum exceeds 1."""
        if not self.blocks:
            return weights
        return torch.cat([part / part.sum().clamp(min=1) for part in torch.split(weights, list(self.blocks))])

    def similarity(self) -> Tensor:
        """Gram matrix of the target with zero diagonal, squared like k, shape (n, n), entries 0..1.

        Classes: 1 for the same class. Real values: exp(-|y_i - y_j|_w^2 / |w|_1) with y standardised per dimension
        and |.|_w weighted by the shared weights, so that two independent samples lie at distance 2.
        """
        y = self.values
        if self.classes:
            same = y @ y.T
        else:
            y = (y - y.mean(0)) / y.std(0).clamp(min=1e-6)
            weights = self.shared(torch.ones_like(y[0]))
            y = y * (weights / weights.sum()).sqrt()
            norms = y.square().sum(1)
            distance = torch.addmm(norms, y, y.T, alpha=-2).add_(norms[:, None]).clamp_(min=0)
            same = distance.neg_().exp_()
        return same.fill_diagonal_(0)
