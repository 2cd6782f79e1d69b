"""Matrix-based Renyi information, the family of the original paper (Wang et al., arXiv 2602.09569)."""

from __future__ import annotations

import torch
from torch import Tensor

from pib_rl.agents.objectives.base import GramObjective
from pib_rl.agents.objectives.entropy import check_order
from pib_rl.agents.objectives.gram import TINY, Scale
from pib_rl.agents.objectives.target import Target


class Renyi(GramObjective):
    """Renyi information between outputs and target, matrix-based: the objective of the original paper.

        L = -(S(Z) + S(Y) - S(Z, Y)),

    the diagonal removed: S_alpha = 1/(1-alpha) log( tr A^alpha - sum_i A_ii^alpha ) with A = K/n. What is taken off is
    what the diagonal alone contributes; for alpha = 2 this is k_ii = 0. The difference is positive for alpha > 1 (the
    diagonal is majorised by the eigenvalues). alpha = 2 needs no eigenvalues; others cost O(n^3).

    Args:
        alpha: Order, > 1.

    Raises:
        ValueError: If alpha <= 1.
    """

    default_scale = "sample"

    def __init__(
        self, scale: Scale | None = None, bandwidth: float | None = None, beta: float = 0.0, *, alpha: float = 2.0
    ) -> None:
        super().__init__(scale, bandwidth, beta)
        check_order(alpha)
        if alpha < 1:
            raise ValueError(f"with the diagonal removed the order alpha must be > 1, got {alpha}")
        self.alpha = alpha

    def on_gram(self, k: Tensor, target: Target) -> tuple[Tensor, Tensor]:
        like = target.similarity()
        single, d_single = self._entropy(k)
        joint, d_joint = self._entropy(k * like)
        loss = joint - single - self._entropy(like)[0]
        return loss, d_joint - d_single

    def _entropy(self, k: Tensor) -> tuple[Tensor, Tensor]:
        """Entropy of the Gram matrix K = sqrt(k) + I, and its gradient by log k."""
        n = k.shape[-1]
        if self.alpha == 2.0:
            total = k.sum((-2, -1), keepdim=True).clamp(min=TINY)
            return -(total[..., 0, 0] / n**2).log(), -k / total
        root = k.sqrt()
        spectrum, basis = torch.linalg.eigh((root + torch.eye(n, dtype=k.dtype, device=k.device)) / n)
        spectrum = spectrum.clamp(min=0)
        rest = (spectrum.pow(self.alpha).sum(-1) - n ** (1 - self.alpha)).clamp(min=TINY)
        power = (basis * spectrum.pow(self.alpha - 1).unsqueeze(-2)) @ basis.mT
        # dK/dlog k = K/2 off the diagonal.
        slope = power * root * (self.alpha / (2 * n * (1 - self.alpha))) / rest[..., None, None]
        return rest.log() / (1 - self.alpha), slope
