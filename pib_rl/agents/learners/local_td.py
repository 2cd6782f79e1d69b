"""Local temporal differences: every unit predicts actions and values by itself, and learns from its own error alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from pib_rl.agents.learners.base import Learner
from pib_rl.agents.learners.config import HiddenConfig
from pib_rl.agents.learners.local_readout import LocalReadout
from pib_rl.agents.learners.samples import Batch
from pib_rl.agents.network.model import PhysicalModel
from pib_rl.agents.network.unit import Unit


@dataclass(frozen=True)
class LocalOptions:
    """How fast units' own readouts learn, and how they see the unit.

    Args:
        local_rate: Rate of the units' own readouts at the start, in units of 1/(number of their inputs). Higher: they
            follow the unit and the policy faster, with more noise. It falls as the rate of hidden arrays does.
        gain: Slope of the saturation in front of them, in standard deviations of the unit's outputs. Higher: outputs
            far from the middle teach the unit less.
        offset: Half width of the random offsets in front of the saturation, in the same standard deviations.

    Raises:
        ValueError: If local_rate or gain is not positive, or offset is negative.
    """

    local_rate: float = 1.0
    gain: float = 1.5
    offset: float = 1.0

    def __post_init__(self) -> None:
        for name in ("local_rate", "gain"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"local-td's {name} must be a number > 0, got {value}")
        if not (math.isfinite(self.offset) and self.offset >= 0):
            raise ValueError(f"local-td's offset must be a number >= 0, got {self.offset}")


class LocalTD(Learner):
    """Local temporal differences: every unit has a small readout of its own, and follows the gradient of its loss.

    Advantages and returns, TD(lambda) targets, are broadcast to all units. Unit l predicts the parameters of the
    actions and the value from its own outputs alone, o_l = O_l [t_l; 1] (`LocalReadout`). Its loss L_l is that of the
    chip's readout, with o_l for its outputs: the clipped policy gradient and the squared error of the value, or the
    cross-entropy of labels. With g_l = dL_l/do_l,

        dL_l/dz = (g_l O_l) gain (1 - t^2)/s,   dW_l = (dL_l/dz)^T h_l,   dO_l = g_l^T [t_l; 1],

    each through an Adam of its own. Nothing passes from unit to unit, and no model of the hardware is needed: z and h
    are measured, and the saturation is the controller's. All units take their steps at once.

    Artificial Dopamine is Q-learning from replayed transitions: each of its layers bootstraps from its own value and
    gets the layers above of the step before as inputs. Here units learn on-policy, from the one return that the chip's
    own values give, and see no other unit.

    Source: Guan et al., arXiv 2411.03604 (Artificial Dopamine: a temporal-difference error for each layer); Noekland &
    Eidnes, arXiv 1901.06656 (local classifiers for labels). On-policy and on hardware: ours.
    """

    Options: ClassVar[type] = LocalOptions
    defaults: ClassVar[dict[str, Any]] = {
        "hidden_rate": 3e-3,
        "hidden_decay": 1.0,
        "hidden_steps": 80,  # as many as the readout takes: a gradient of one batch is noisy, and steps are small
        "hidden_batch": 256,
        "hidden_rollouts": 1,
    }
    updates = True
    moves_outputs = True
    wafers = True

    def __init__(self, model: PhysicalModel, config: HiddenConfig, options: Any = None) -> None:
        super().__init__(model, config, options)
        with model.streams.aside("local readouts"):
            self.readouts = [
                LocalReadout(
                    unit, model.readout.array.out_features, self.options.gain, self.options.offset, model.streams
                ).to(model.device)
                for unit in model.network.chain
            ]
        self.memory["readouts"] = nn.ModuleList(self.readouts)

    def update(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        measured, left, losses = batch.measure(), self.rate_left(progress), {}
        chain = self.model.network.chain
        for number, (unit, own, h, z) in enumerate(zip(chain, self.readouts, measured.h, measured.z, strict=True), 1):
            inputs = own.inputs(unit.control.standard(z))
            outputs = own(inputs)
            gradient = batch.gradient(outputs)
            slope = own.pull(inputs, gradient) / unit.control.std
            own.step(inputs, gradient, self.options.local_rate * left)
            self._move(unit, h, slope, left)
            unit.control.track(z, self.config.track * left)
            losses[f"loss_unit{number}"] = batch.loss(outputs)
        return losses

    def _move(self, unit: Unit, h: Tensor, slope: Tensor, left: float) -> None:
        """One step of a unit's array along dL/dz, shape of z, at the fraction ``left`` of its rate."""
        rate = unit.own_rate(self.config.hidden_rate * left, self.config.patch_rate)
        unit.array.program(unit.optimiser.step(unit.outer(slope, h), rate))
