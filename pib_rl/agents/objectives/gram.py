"""Gram matrices of measured outputs, and the way back from a Gram matrix to the outputs."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Scale = Literal["rms", "sample"]
TINY = 1e-12


class Gram:
    """Gaussian Gram matrix of a batch of measurements, its diagonal removed.

    u is z centred over the batch and scaled: by one rms over all entries ("rms") or each sample to unit length
    ("sample"). Then

        k_ij = exp(-|u_i - u_j|^2 / s^2) for i != j, k_ii = 0,

    with s^2 = bandwidth^2 d for "rms" (d outputs; |u_i - u_j|^2 is 2 d on average) and s = bandwidth for "sample".
    k_ij is the square of the entry K_ij of the Gram matrix in matrix-based entropies. With the diagonal kept, the
    objectives have a trivial optimum, all samples far apart; hence k_ii = 0, always.

    Args:
        z: Measured outputs, shape (..., n, d), n >= 2, any unit; leading axes, as of chips, each have their own matrix.
        scale: "rms" or "sample".
        bandwidth: Kernel width, relative as above, > 0.

    Attributes:
        k: Shape (..., n, n).
    """

    def __init__(self, z: Tensor, scale: Scale = "rms", bandwidth: float = 1.0) -> None:
        if z.ndim < 2 or z.shape[-2] < 2:
            raise ValueError(f"a Gram matrix needs outputs of shape (..., n >= 2, d), got {tuple(z.shape)}")
        centred = z - z.mean(-2, keepdim=True)
        if scale == "rms":
            self._size = centred.square().mean((-2, -1), keepdim=True).sqrt_().clamp_(min=TINY)
            self._width = bandwidth**2 * z.shape[-1]
        elif scale == "sample":
            self._size = torch.linalg.vector_norm(centred, dim=-1, keepdim=True).clamp_(min=TINY)
            self._width = bandwidth**2
        else:
            raise ValueError(f"scale must be rms or sample, got {scale!r}")
        self._scale = scale
        self._u = centred / self._size
        self.k = without_diagonal(squared_distances(self._u).mul_(-1.0 / self._width).exp_())

    def pull(self, dlog: Tensor) -> Tensor:
        """Turns a gradient by log k into a gradient by z, in closed form.

        With A = (dL/dlog k + its transpose) and log k_ij = -|u_i - u_j|^2 / s^2,
        dL/du_i = -2/s^2 sum_j A_ij (u_i - u_j); then the chain rule of scaling and of centring.
        dlog is of shape (..., n, n), its diagonal ignored; dL/dz of shape (..., n, d).
        """
        both = without_diagonal(dlog + dlog.mT).mul_(-2.0 / self._width)
        du = (both.sum(-1, keepdim=True) * self._u).sub_(both @ self._u)
        along = du * self._u
        rms = self._scale == "rms"
        mean = along.mean((-2, -1), keepdim=True) if rms else along.sum(-1, keepdim=True)
        dz = du.addcmul_(self._u, mean, value=-1).div_(self._size)
        return dz.sub_(dz.mean(-2, keepdim=True))


def squared_distances(points: Tensor) -> Tensor:
    """|u_i - u_j|^2 of points u, shape (..., n, d): shape (..., n, n), never below 0."""
    norms = points.square().sum(-1)
    return (points @ points.mT).mul_(-2).add_(norms[..., None, :]).add_(norms[..., :, None]).clamp_(min=0)


def without_diagonal(matrix: Tensor) -> Tensor:
    """A matrix, shape (..., n, n), with zeros on its diagonal, in place."""
    matrix.diagonal(dim1=-2, dim2=-1).zero_()
    return matrix
