"""The fraction of like samples among the neighbours of each sample."""

from __future__ import annotations

from torch import Tensor

from pib_rl.agents.objectives.base import GramObjective
from pib_rl.agents.objectives.gram import TINY
from pib_rl.agents.objectives.target import Target


class Pointwise(GramObjective):
    """Neighbours: the fraction of samples of the same class among those with like outputs, for every sample.

        L = -mean_i log( sum_j k_ij Y_ij / sum_j k_ij ).

    Samples without any like sample in the batch are left out. Strongest for classes.
    """

    default_scale = "sample"

    def on_gram(self, k: Tensor, target: Target) -> tuple[Tensor, Tensor]:
        like = k * target.similarity()
        hits = like.sum(-1, keepdim=True)
        known = (hits > TINY).to(k.dtype)
        hits, total = hits.clamp(min=TINY), k.sum(-1, keepdim=True).clamp(min=TINY)
        weight = known / known.sum(-2, keepdim=True).clamp(min=1)
        loss = -(weight * (hits / total).log()).sum((-2, -1))
        return loss, weight * (k / total - like / hits)
