"""Evolution strategy on the chip: whole episodes evaluate random displacements of all weights."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from pib_rl.agents.learners.base import Learner
from pib_rl.common.streams import LEARNING
from pib_rl.physical.substrate import Array


@dataclass(frozen=True)
class StrategyOptions:
    """How far and how fast.

    Args:
        displacement: sigma, in units of 1/sqrt(in_features) of each array.
        step: alpha, in the same units, falling linearly to 0 over the training.
        pairs: Antithetic pairs per generation.

    Raises:
        ValueError: If a value is not positive.
    """

    displacement: float = 0.1
    step: float = 0.2
    pairs: int = 8

    def __post_init__(self) -> None:
        for name in ("displacement", "step"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"es's {name} must be a number > 0, got {value}")
        if self.pairs < 1:
            raise ValueError(f"es's pairs must be 1 or more, got {self.pairs}")


class EvolutionStrategy(Learner):
    """Evolution strategy: random displacements of all weights, each evaluated by whole episodes, add up to a step.

    All arrays are displaced, the readout included, in antithetic pairs.

    With eps_k standard normal, c = 1/sqrt(in_features) of each array and F(+-k) the mean return of whole episodes at
    W +- sigma c eps_k,

        dW = alpha c / (pairs s_F) sum_k (F(+k) - F(-k)) eps_k,

    s_F the standard deviation of all 2 pairs fitness values. A chip is in one place at a time: each displacement is
    written, lived through and written back, with the write noise, bounds and cost of any other write. The loop of
    episodes is `pib_rl.agents.ES`.

    Source: Salimans et al., arXiv 1703.03864; the scaling by s_F: Mania et al., arXiv 1803.07055.
    """

    Options: ClassVar[type] = StrategyOptions
    own_loop = True

    @property
    def arrays(self) -> list[Array]:
        """All arrays: the hidden ones in order, then the readout."""
        return [*(unit.array for unit in self.model.network.chain), self.model.readout.array]

    def draw(self) -> list[Tensor]:
        """Displacements c eps of one pair, one tensor of shape (out, in) per array."""
        device = self.model.device
        generator = self.model.streams.generator(LEARNING, device)
        return [
            torch.randn(array.out_features, array.in_features, generator=generator, device=device, dtype=torch.float32)
            * array.in_features**-0.5
            for array in self.arrays
        ]

    def change(self, ways: list[list[Tensor]], fitness: Tensor, progress: float) -> list[Tensor]:
        """Change dW of every array from c eps and F(+k), F(-k), shape (pairs, 2); zero if all did equally well."""
        spread = fitness.std(correction=0)
        if spread == 0:
            return [torch.zeros_like(way) for way in ways[0]]
        weight = (fitness[:, 0] - fitness[:, 1]) / spread * (self.options.step * (1 - progress) / len(ways))
        return [torch.einsum("k,koi->oi", weight, torch.stack(parts)) for parts in zip(*ways, strict=True)]
