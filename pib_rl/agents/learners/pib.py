"""PIB: every unit follows its own information objective."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from pib_rl.agents.learners.base import Learner
from pib_rl.agents.learners.config import HiddenConfig
from pib_rl.agents.learners.safeguard import Safeguard
from pib_rl.agents.learners.samples import Batch
from pib_rl.agents.network.model import PhysicalModel
from pib_rl.agents.network.network import Activations, update_units
from pib_rl.agents.network.unit import Unit
from pib_rl.agents.objectives.target import Target

KEPT = 2  # blocks of what units should keep in reinforcement: the return, and the next observation


class UnitStep(NamedTuple):
    """How far units move with one batch; the arguments of `Network.update_units`."""

    rate: float
    track: float
    plastic: float = 1.0
    limit: float | None = None
    patches: float = 1.0

    @classmethod
    def at(cls, config: HiddenConfig, left: float) -> UnitStep:
        """With the fraction ``left`` of the rates."""
        return cls(config.hidden_rate * left, config.track * left, config.plastic, config.output_rms, config.patch_rate)


class LocalLearning(nn.Module):
    """What units do by themselves, from what they measured and a target; there is nothing else that they need.

    Args:
        units: Some units of a network, or all. What is ``measured`` below holds h and z of these.

    Attributes:
        remembers: Whether any of them has a memory.
    """

    def __init__(self, units: Sequence[Unit]) -> None:
        super().__init__()
        self.safeguard = Safeguard(units, KEPT)
        self._units = tuple(units)  # in a tuple, so that their state is not saved twice
        self._before: list[Tensor] = []
        self.remembers = any(unit.objective.remembers for unit in units)

    def update(self, measured: Activations, target: Target, step: UnitStep) -> list[Tensor]:
        """One step of each; their losses, shape (*chips) each."""
        return [score.loss for score in update_units(self._units, measured, target, *step)]

    def begin(self, measured: Activations, kept: Target) -> None:
        """Comes before the steps of a rollout, with held-out samples and what should be kept of them."""
        for unit in self._units:
            unit.begin()
        self._before = self.safeguard.losses(measured, kept)

    def finish(self, measured: Activations, kept: Target) -> tuple[Tensor, Tensor]:
        """Comes after them, with the same samples measured again.

        Returns:
            Which units lost what they knew, truth values of shape (units, *chips), and their freedom, shape (units,).
        """
        alarm = self.safeguard.judge(self._before, self.safeguard.losses(measured, kept))
        return alarm, torch.stack([unit.freedom.mean() for unit in self._units])

    def remember(self, measured: Activations, target: Target) -> None:
        """Takes note of samples that were learned from, where an objective has a memory."""
        for unit, h, z in zip(self._units, measured.h, measured.z, strict=True):
            unit.objective.absorb(z, target, h)


class PIBLearner(Learner):
    """Physical Information Bottleneck: every unit raises the information between its outputs and the target.

    All units take their steps at once, each on its own measurements.
    """

    defaults: ClassVar[dict[str, Any]] = {
        "hidden_rate": 3e-3,
        "hidden_steps": 80,  # as many as the readout takes: what a batch says is noisy, and steps are small
        "hidden_batch": 256,
        "hidden_rollouts": 1,
    }
    updates = True
    moves_outputs = True
    holds_out = True
    wafers = True

    def __init__(self, model: PhysicalModel, config: HiddenConfig, options: Any = None) -> None:
        super().__init__(model, config, options)
        self.local = LocalLearning(model.network.chain).to(model.device)
        self.memory["safeguard"] = self.local.safeguard

    def update(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        losses = self.local.update(batch.measure(), batch.target, UnitStep.at(self.config, self.rate_left(progress)))
        return {f"loss_unit{unit}": loss for unit, loss in enumerate(losses, 1)}

    def begin(self, held: Batch) -> None:
        self.local.begin(held.measure(), held.kept)

    def finish(self, held: Batch) -> dict[str, Tensor]:
        alarm, freedom = self.local.finish(held.measure(), held.kept)
        return {"alarms": alarm.float().mean(), "freedom": freedom.mean()}

    def remember(self, batch: Batch) -> None:
        if self.local.remembers:
            self.local.remember(batch.measure(), batch.target)
