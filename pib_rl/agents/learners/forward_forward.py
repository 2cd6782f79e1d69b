"""Forward-forward: each unit learns to answer more strongly to the better of two actions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import softplus

from pib_rl.agents.learners.adam import AdamLearner
from pib_rl.agents.learners.config import HiddenConfig
from pib_rl.agents.learners.samples import Batch
from pib_rl.agents.network.model import PhysicalModel
from pib_rl.agents.network.unit import GainControl


@dataclass(frozen=True)
class ForwardForwardOptions:
    """How sharply the better action is distinguished from the worse.

    Args:
        steepness: theta: a difference of goodness beyond about 1/theta counts as learned. Goodness is about 1.

    Raises:
        ValueError: If it is not a positive number.
    """

    steepness: float = 2.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.steepness) and self.steepness > 0):
            raise ValueError(f"forward-forward's steepness must be a number > 0, got {self.steepness}")


class ContrastLoss(NamedTuple):
    """Loss of a batch (scalar) and its gradients by both measurements of z, each of shape (n, width)."""

    loss: Tensor
    by_positive: Tensor
    by_negative: Tensor


def contrast_loss(
    positive: Tensor, negative: Tensor, weight: Tensor, control: GainControl, steepness: float
) -> ContrastLoss:
    """L = 1/theta mean_i |A_i| softplus(-theta sign(A_i) (g_i - g'_i)), of one unit's own measurements.

    g = 1/d sum_j u_j^2 is the goodness of a sample, with u = (z - m)/s the drive that goes on but for its gain and its
    offset. With the constants m and s, dL/dz = -2/(n d s) A_i sigmoid(-theta sign(A_i) (g_i - g'_i)) u, and the
    opposite sign for z'.

    z is ``positive``, z' is ``negative``, both of shape (n, d): the same samples with two actions or labels. A is the
    ``weight``, shape (n,), an advantage; where it is negative, the two change their roles. theta is ``steepness``.
    """
    u, v = control.standard(positive), control.standard(negative)
    margin = steepness * weight.sign() * (u.square() - v.square()).mean(1)
    loss = (weight.abs() * softplus(-margin)).mean() / steepness
    slope = (weight * margin.neg().sigmoid())[:, None] * (-2 / (u.numel() * control.std))
    return ContrastLoss(loss, slope * u, -slope * v)


class ForwardForward(AdamLearner):
    """Forward-forward: each unit compares two measurements of a state, with the action taken and with another one.

    The network has inputs for an action beside those for the observation. They are 0 while acting; here an action is
    given relative to the mean over all that are compared, so that no action lies in their middle and gain controls
    see one regime. The other action is drawn from the policy, for discrete actions from all but the taken one:
    against that the advantage of the taken action is measured, so its sign says which of the two is the better
    one. dW = (dL/dz)^T h + (dL/dz')^T h', through Adam.

    Goodness is the mean square, as in forward-forward, and not a cosine similarity of the two measurements as in
    later physical local learning: that is symmetric in them, so it could tell two actions apart but not learn which
    of them was better. With real-valued actions there is no list of labels that a sign could be read from instead.
    Forward-forward normalises the length of each sample between layers; a gain control, common to all samples, does
    so on average only, and a later unit may find some of its goodness ready-made in the earlier one's. Nothing is
    asked of the medium but that it repeats itself: neither its slope nor its shape enters.

    Source: Hinton, arXiv 2212.13345 (goodness, two passes); Momeni et al., Science 382, 1297 (2023) (both passes and
    the local rule on physical units with unknown nonlinearity).

    Raises:
        ValueError: If the network has no inputs for actions or labels.
    """

    Options: ClassVar[type] = ForwardForwardOptions
    defaults: ClassVar[dict[str, Any]] = {"hidden_rate": 3e-3, "hidden_decay": 1.0}
    updates = True
    moves_outputs = True
    target_inputs = True

    def __init__(self, model: PhysicalModel, config: HiddenConfig, options: Any = None) -> None:
        if not model.target_inputs:
            raise ValueError(
                "forward-forward needs a network with inputs for actions or labels, such as that of "
                "PIBPolicy(..., action_inputs=True)"
            )
        super().__init__(model, config, options)

    def update(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        network, (positive, negative, weight) = self.model.network, batch.contrast
        first, second = network.measure(positive), network.measure(negative)
        scores = [
            contrast_loss(z, w, weight, unit.control, self.options.steepness)
            for z, w, unit in zip(first.z, second.z, network.chain, strict=True)
        ]
        gradients = [
            unit.outer(score.by_positive, h) + unit.outer(score.by_negative, k)
            for unit, score, h, k in zip(network.chain, scores, first.h, second.h, strict=True)
        ]
        track = self.config.track * self.rate_left(progress)
        changes = self.steps(gradients, progress)
        for unit, change, z, w in zip(network.chain, changes, first.z, second.z, strict=True):
            unit.array.program(change)
            unit.control.track(torch.cat([z, w]), track)
        return {f"loss_unit{unit}": score.loss for unit, score in enumerate(scores, 1)}
