"""PIB: every unit follows its own information objective."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from pib_rl.agents.learners.base import Learner
from pib_rl.agents.learners.config import HiddenConfig
from pib_rl.agents.learners.safeguard import Safeguard
from pib_rl.agents.learners.samples import Batch
from pib_rl.agents.network.model import PhysicalModel

KEPT = 2  # blocks of what units should keep in reinforcement: the return, and the next observation


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
        self.safeguard = Safeguard(model.network, KEPT).to(model.device)
        self.memory["safeguard"] = self.safeguard
        self._before: list[Tensor] = []

    def update(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        config, left = self.config, self.config.rate_left(progress)
        scores = self.model.network.update_units(
            batch.measure(),
            batch.target,
            config.hidden_rate * left,
            config.track * left,
            config.plastic,
            config.output_rms,
        )
        return {f"loss_unit{unit}": score.loss for unit, score in enumerate(scores, 1)}

    def begin(self, held: Batch) -> None:
        for unit in self.model.network.chain:
            unit.begin()
        self._before = self.safeguard.losses(held.measure(), held.kept)

    def finish(self, held: Batch) -> dict[str, Tensor]:
        alarm = self.safeguard.judge(self._before, self.safeguard.losses(held.measure(), held.kept))
        freedom = torch.stack([unit.freedom.mean() for unit in self.model.network.chain])
        return {"alarms": alarm.float().mean(), "freedom": freedom.mean()}

    def remember(self, batch: Batch) -> None:
        if not any(unit.objective.remembers for unit in self.model.network.chain):
            return
        measured, target = batch.measure(), batch.target
        for unit, h, z in zip(self.model.network.chain, measured.h, measured.z, strict=True):
            unit.objective.absorb(z, target, h)
