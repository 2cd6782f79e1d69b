"""Leave-one-out kernel regression of real-valued targets."""

from __future__ import annotations

import torch
from torch import Tensor

from pib_rl.agents.objectives.base import GramObjective
from pib_rl.agents.objectives.gate import TargetGate
from pib_rl.agents.objectives.gram import TINY, Scale
from pib_rl.agents.objectives.target import Target
from pib_rl.common.streams import Streams


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
        streams: Named random streams; only their number of chips matters here.
        gated: False for w_d = 1.
    """

    needs = ("features", "streams")

    def __init__(
        self,
        scale: Scale | None = None,
        bandwidth: float | None = None,
        beta: float = 0.0,
        *,
        features: int = 1,
        streams: Streams | None = None,
        gated: bool = True,
    ) -> None:
        super().__init__(scale, bandwidth, beta)
        self.gate = TargetGate(features, gated, () if streams is None else streams.chips)

    def on_gram(self, k: Tensor, target: Target) -> tuple[Tensor, Tensor]:
        return self._regress(k, target, self.gate)

    def compress(self, k: Tensor, source: Target) -> tuple[Tensor, Tensor]:
        loss, dlog = self._regress(k, source, None)
        return loss / source.values.shape[-1], dlog / source.values.shape[-1]

    def _regress(self, k: Tensor, target: Target, gate: TargetGate | None) -> tuple[Tensor, Tensor]:
        n = k.shape[-1]
        y = target.values - target.values.mean(-2, keepdim=True)
        p = k / k.sum(-1, keepdim=True).clamp_(min=TINY)
        expected = p @ y
        residual = expected - y
        error = residual.square().mean(-2).clamp_(min=TINY)
        lost = p.square().sum((-2, -1)).div_(n).add_(1 / (n - 1))
        weights = torch.ones_like(error) if gate is None else gate(error, lost, y, target)
        loss = 0.5 * (weights * error.log()).sum(-1)
        slope = residual * (weights / error).div_(n).unsqueeze(-2)
        pull = (slope @ y.mT).sub_((slope * expected).sum(-1, keepdim=True))
        return loss, pull.mul_(p)
