"""Forward-forward: each unit learns to answer more strongly to the better of two actions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import softplus

from pib_rl.agents.learners.adam import AdamLearner
from pib_rl.agents.learners.base import Trainee
from pib_rl.agents.learners.config import HiddenConfig
from pib_rl.agents.learners.samples import Batch
from pib_rl.agents.network.unit import GainControl


@dataclass(frozen=True)
class ContrastOptions:
    """How sharply the better action is told from the worse.

    Args:
        steepness: theta: a difference of goodness beyond about 1/theta counts as learned. Goodness is about 1.

    Raises:
        ValueError: If it is not a positive number.
    """

    steepness: float = 2.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.steepness) and self.steepness > 0):
            raise ValueError(f"forward-forward's steepness must be a number > 0, got {self.steepness}")


class Contrast(NamedTuple):
    """Loss of a batch (scalar) and its gradients by both measurements of z, each of shape (n, width)."""

    loss: Tensor
    by_given: Tensor
    by_other: Tensor


def contrast(given: Tensor, other: Tensor, worth: Tensor, control: GainControl, steepness: float) -> Contrast:
    """L = 1/theta mean_i |A_i| softplus(-theta sign(A_i) (g_i - g'_i)), of one unit's own measurements.

    g = 1/d sum_j u_j^2 is the goodness of an answer, with u = (z - m)/s the drive that goes on but for its gain and its
    offset. With the constants m and s, dL/dz = -2/(n d s) A_i sigmoid(-theta sign(A_i) (g_i - g'_i)) u, and the
    opposite sign for z'.

    Args:
        given: z with one answer (an action that was taken, a label), shape (n, d).
        other: z' of the same samples with another answer, shape (n, d).
        worth: A, shape (n,), an advantage. Its sign says which of the two is the positive sample.
        control: Gain control of the unit.
        steepness: theta.
    """
    u, v = control.standard(given), control.standard(other)
    margin = steepness * worth.sign() * (u.square() - v.square()).mean(1)
    loss = (worth.abs() * softplus(-margin)).mean() / steepness
    slope = (worth * margin.neg().sigmoid())[:, None] * (-2 / (u.numel() * control.deviation))
    return Contrast(loss, slope * u, -slope * v)


class ForwardForward(AdamLearner):
    """Two measurements of each state, with the action taken and with another one; each unit compares the two.

    The network has inputs for an action beside those for the observation. They are 0 while acting; here an action is
    given relative to the mean over all that are compared, so that no action lies in their middle and gain controls
    see one regime. The other action is drawn from the policy, for discrete actions from all but the taken one:
    against that the advantage of the taken action is measured, so its sign tells the positive sample from the
    negative one. dW = (dL/dz)^T h + (dL/dz')^T h', through Adam.

    Goodness is the mean square, as in forward-forward, and not a cosine similarity of the two measurements as in
    later physical local learning: that is symmetric in them, so it could tell two actions apart but not learn which
    of them was better. With real-valued actions there is no list of labels that a sign could be read from instead.
    Forward-forward normalises the length of each sample between layers; a gain control, common to all samples, does
    so on average only, and a later unit may find some of its goodness ready-made in the earlier one's. Nothing is
    asked of the medium but that it repeats itself: neither its slope nor its shape enters.

    Source: Hinton, arXiv 2212.13345 (goodness, two passes); Momeni et al., Science 382, 1297 (2023) (both passes and
    the local rule on physical units with unknown nonlinearity).

    Raises:
        ValueError: If the network has no inputs for answers.
    """

    Options: ClassVar[type] = ContrastOptions
    defaults: ClassVar[dict[str, Any]] = {"hidden_rate": 3e-3, "hidden_decay": 1.0}
    studies = True
    moves = True
    target_inputs = True

    def __init__(self, model: Trainee, config: HiddenConfig, options: Any = None) -> None:
        if not model.target_input_features:
            raise ValueError(
                "forward-forward needs a network with inputs for answers, such as that of "
                "PIBPolicy(..., action_inputs=True)"
            )
        super().__init__(model, config, options)

    def study(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        network, (given, other, worth) = self.model.network, batch.pairs
        seen, against = network.measure(given), network.measure(other)
        scores = [
            contrast(z, w, worth, unit.control, self.options.steepness)
            for z, w, unit in zip(seen.z, against.z, network.chain, strict=True)
        ]
        gradients = [
            unit.outer(score.by_given, h) + unit.outer(score.by_other, k)
            for unit, score, h, k in zip(network.chain, scores, seen.h, against.h, strict=True)
        ]
        track = self.config.track * self.config.share(progress)
        changes = self.steps(gradients, progress)
        for unit, change, z, w in zip(network.chain, changes, seen.z, against.z, strict=True):
            unit.array.program(change)
            unit.control.track(torch.cat([z, w]), track)
        return {f"loss_unit{unit}": score.loss for unit, score in enumerate(scores, 1)}
