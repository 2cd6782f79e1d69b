"""Leave-one-out kernel regression of real-valued targets."""

from __future__ import annotations

import torch
from torch import Tensor

from pib_rl.agents.objectives.base import GramObjective
from pib_rl.agents.objectives.gate import TargetGate
from pib_rl.agents.objectives.gram import TINY, Scale
from pib_rl.agents.objectives.target import Target


class Gaussian(GramObjective):
    """Kernel regression: samples with like outputs predict each other's real-valued target.

        L = 1/2 sum_d w_d log e_d,

    minus the information that a Gaussian residual leaves between Z and Y. yhat_i = sum_j p_ij y_j with
    p_ij = k_ij / sum_j k_ij is a leave-one-out kernel regression of the target on the unit's own outputs, and
    e_d = mean_i (y_id - yhat_id)^2 its error. The weights w_d are those of `TargetGate`, which gives back what the
    regression loses on a target of noise, 1/(n-1) + mean_i sum_j p_ij^2. For continuous, noisy targets of many
    dimensions.

    Args:
        features: Target dimensions D (needed for the gate's state).
        gated: False for w_d = 1.
    """

    needs = ("features",)

    def __init__(
        self,
        scale: Scale | None = None,
        bandwidth: float | None = None,
        beta: float = 0.0,
        *,
        features: int = 1,
        gated: bool = True,
    ) -> None:
        super().__init__(scale, bandwidth, beta)
        self.gate = TargetGate(features, gated)

    def on_gram(self, k: Tensor, target: Target) -> tuple[Tensor, Tensor]:
        return self._regress(k, target, self.gate)

    def compress(self, k: Tensor, source: Target) -> tuple[Tensor, Tensor]:
        loss, dlog = self._regress(k, source, None)
        return loss / source.values.shape[1], dlog / source.values.shape[1]

    def _regress(self, k: Tensor, target: Target, gate: TargetGate | None) -> tuple[Tensor, Tensor]:
        y = target.values - target.values.mean(0)
        p = k / k.sum(1, keepdim=True).clamp(min=TINY)
        residual = p @ y - y
        error = residual.square().mean(0).clamp(min=TINY)
        lost = p.square().sum(1).mean() + 1 / (len(y) - 1)
        weights = torch.ones_like(error) if gate is None else gate(error, lost, y, target)
        loss = 0.5 * (weights * error.log()).sum()
        slope = residual * (weights / error / len(y))
        pull = (slope @ y.T).sub_((slope * (residual + y)).sum(1, keepdim=True))
        return loss, pull.mul_(p)
