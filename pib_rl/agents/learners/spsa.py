"""Simultaneous perturbation: the chip itself measures how its loss changes with a random change of all weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from pib_rl.agents.learners.adam import AdamLearner
from pib_rl.agents.learners.samples import Batch
from pib_rl.common.streams import LEARNING
from pib_rl.physical.substrate import Array


@dataclass(frozen=True)
class SpsaOptions:
    """How far the weights are moved to measure a slope.

    Args:
        perturbation: c, in units of sigma_0 = 1/sqrt(in_features), the standard deviation of an array's initial
            weights. Large enough for the loss to rise above the noise of a batch, small enough for what writing leaves
            behind: with memristive defaults (write noise 0.3) the three writes of a step leave a random error of 0.52 c
            in each weight, and these add up as a random walk does (0.26 sigma_0 after 640 steps at c = 0.02). The
            default is between what suits write noise (0.01) and what suits shot noise and exact writes (0.1). Weights
            that are held in steps need a c of the order of a step.

    Raises:
        ValueError: If it is not in 0..1 (0 excluded).
    """

    perturbation: float = 0.02

    def __post_init__(self) -> None:
        if not 0 < self.perturbation <= 1:
            raise ValueError(
                f"spsa's perturbation must be > 0 and <= 1 (in initial standard deviations of the weights), "
                f"got {self.perturbation}"
            )


class Spsa(AdamLearner):
    """Simultaneous perturbation: the chip's loss with all weights a little up and down gives one slope for all.

    Stochastic approximation on the chip itself: no model of it, no gradient through it.

    A step draws signs Delta for the weights of all hidden arrays at once, writes +c Delta, measures the loss L of a
    batch of stored states at the readout, writes -2 c Delta, measures the same batch again, and takes

        g_i = (L+ - L-) / (2 c_i) Delta_i

    for the gradient, with c_i = c/sqrt(in_features) of weight i's array: unbiased up to O(c^2), whatever the number
    of weights, but its variance grows with that number. The way back, +c Delta, and Adam's step are one write: 3
    writes and 2 measurements a step. Nothing restores the weights but that write: what write noise, bounds and stuck
    devices made of the three stays on the chip. c does not fade, unlike Spall's: the noise of a read does not either.

    L is the readout's own loss, so its outputs are meant to move and the readout is not re-fit to its old ones
    (``moves_outputs`` is False); a re-fit would take back what a step has won. Samples come from the newest rollout, at
    whose policy the surrogate starts.

    Source: Spall, IEEE Trans. Autom. Control 37, 332 (1992), with Adam in place of his step.
    """

    Options: ClassVar[type] = SpsaOptions
    updates = True
    defaults: ClassVar[dict[str, Any]] = {"hidden_rate": 3e-3, "hidden_decay": 1.0, "hidden_rollouts": 1, "track": 1e-3}

    def update(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        left = self.rate_left(progress)
        if left == 0:
            return {}  # no step is left to take, and perturbations alone would wear the devices
        gradients, back, loss = self.estimate(batch, self.config.track * left)
        for array, way, change in zip(self.arrays, back, self.steps(gradients, progress), strict=True):
            array.program(way + change)
        return {"loss_hidden": loss}

    @property
    def arrays(self) -> list[Array]:
        """The hidden arrays in order."""
        return [unit.array for unit in self.model.network.chain]

    def estimate(self, batch: Batch, track: float) -> tuple[list[Tensor], list[Tensor], Tensor]:
        """One estimate g of the gradient by all hidden weights; the arrays are left at -c Delta.

        Gives g and the way back +c Delta, each with one tensor of shape (out, in) per hidden array, and the mean of
        both losses, a scalar. After both measurements the gain controls move towards them by the fraction ``track``.
        """
        network = self.model.network
        push = [self._signs(array) * (self.options.perturbation * array.in_features**-0.5) for array in self.arrays]
        losses, outputs = [], []
        for factor in (1, -2):
            for array, way in zip(self.arrays, push, strict=True):
                array.program(factor * way)
            measured = network.measure(batch.x)
            losses.append(batch.loss(self.model.readout.measure(measured.taps)))
            outputs.append(measured.z)
        for unit, *z in zip(network.chain, *outputs, strict=True):
            unit.control.track(torch.cat(z), track)
        half = (losses[0] - losses[1]) / 2
        return [half / way for way in push], push, (losses[0] + losses[1]) / 2

    def _signs(self, array: Array) -> Tensor:
        """Delta: +1 or -1 with equal probability, shape (out, in)."""
        device = self.model.device
        generator = self.model.streams.generator(LEARNING, device)
        shape = (array.out_features, array.in_features)
        return torch.randint(0, 2, shape, generator=generator, device=device).mul_(2).sub_(1).float()
