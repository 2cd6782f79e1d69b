"""Matrix-based Renyi entropy and mutual information: estimates for plots, and the reference of objectives.

Sources: Sanchez Giraldo, Rao & Principe, IEEE Trans. Inf. Theory 61, 535 (2015); Yu et al., IEEE TPAMI 42, 2960
(2020) for several variables.
"""

from __future__ import annotations

import torch
from torch import Tensor


def entropy(gram: Tensor, alpha: float = 2.0) -> Tensor:
    """S_alpha(A) = 1/(1-alpha) log tr A^alpha with A = K / tr K.

    For alpha = 2 this is -log |A|_F^2, without eigenvalues. Shape (...), in nats: 0 is one point, log n all apart.

    Args:
        gram: Positive semi-definite Gram matrix K with positive diagonal, shape (..., n, n).
        alpha: Order, > 0 and not 1; others raise ValueError.
    """
    check_order(alpha)
    a = gram / gram.diagonal(dim1=-2, dim2=-1).sum(-1)[..., None, None]
    if alpha == 2.0:
        return -a.square().sum((-2, -1)).log()
    spectrum = torch.linalg.eigvalsh(a).clamp(min=0)
    power: Tensor = spectrum.pow(alpha).sum(-1)
    return power.log() / (1 - alpha)


def mutual_information(first: Tensor, second: Tensor, alpha: float = 2.0) -> Tensor:
    """I(A; B) = S(A) + S(B) - S(A o B / tr), shape (...), in nats, with the element-wise product o.

    Both are Gram matrices with unit diagonal of the same samples, shape (..., n, n); alpha as for `entropy`.
    """
    return entropy(first, alpha) + entropy(second, alpha) - entropy(first * second, alpha)


def check_order(alpha: float) -> None:
    """Raises ValueError unless alpha > 0 and alpha != 1."""
    if alpha <= 0 or alpha == 1:
        raise ValueError(f"the order alpha must be > 0 and not 1, got {alpha}")
