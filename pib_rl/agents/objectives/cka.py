"""Centred kernel alignment: Cortes et al., JMLR 13, 795 (2012)."""

from __future__ import annotations

import torch
from torch import Tensor

from pib_rl.agents.objectives.base import GramObjective
from pib_rl.agents.objectives.gram import TINY
from pib_rl.agents.objectives.target import Target


class Alignment(GramObjective):
    """Alignment: the similarities of a unit's outputs follow those of the target, on average over all pairs.

        L = -<HkH, yy'> / (|HkH| |yy'|),

    centred kernel alignment with a linear kernel on the centred target. The linear kernel averages the noise of an
    advantage without bias. H = I - 11'/n centres; the norm is Frobenius'. The loss is a number between -1 and 1, not
    nats.
    """

    def on_gram(self, k: Tensor, target: Target) -> tuple[Tensor, Tensor]:
        y = target.values - target.values.mean(-2, keepdim=True)
        y = y * target.shared(y.new_ones(y.shape[-1])).sqrt()
        linear = y @ y.mT
        linear.div_(torch.linalg.matrix_norm(linear, keepdim=True).clamp(min=TINY))
        centred = k - k.mean(-2, keepdim=True) - k.mean(-1, keepdim=True) + k.mean((-2, -1), keepdim=True)
        size = torch.linalg.matrix_norm(centred, keepdim=True).clamp(min=TINY)
        centred.div_(size)
        alignment = (centred * linear).sum((-2, -1), keepdim=True)
        return -alignment[..., 0, 0], (centred * alignment - linear).mul_(k).div_(size)
