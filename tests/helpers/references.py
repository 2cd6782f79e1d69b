"""The objectives once more, written from their formulas for automatic differentiation: the tests' own yardstick.

Nothing here uses `pib_rl`. Gram matrices are built from distances, never as the root of k, whose slope at k = 0 is
infinite.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor


def distances(z: Tensor, scale: str, bandwidth: float) -> Tensor:
    """|u_i - u_j|^2 / s^2 with u centred and scaled, shape (n, n)."""
    u = z - z.mean(0)
    if scale == "rms":
        u = u / (u**2).mean().sqrt()
        width = bandwidth**2 * z.shape[1]
    else:
        u = u / (u**2).sum(1, keepdim=True).sqrt()
        width = bandwidth**2
    return ((u[:, None] - u[None]) ** 2).sum(-1) / width


def without_diagonal(matrix: Tensor) -> Tensor:
    return matrix * (1 - torch.eye(len(matrix), dtype=matrix.dtype))


def shared(weights: Tensor, blocks: tuple[int, ...]) -> Tensor:
    """Weights scaled down so that no block of dimensions holds more than 1; no blocks: as they are."""
    parts, start = [], 0
    for size in blocks:
        part = weights[start : start + size]
        parts.append(part / max(1.0, float(part.sum())))
        start += size
    return torch.cat(parts) if parts else weights


def target_distances(y: Tensor, blocks: tuple[int, ...], classes: bool) -> Tensor:
    """-log of the target's k_ij: 0 and infinity for classes, weighted standardised distances for real values."""
    if classes:
        label = y.argmax(1)
        return torch.where(label[:, None] == label[None], 0.0, math.inf).to(y)
    scaled = (y - y.mean(0)) / y.std(0)
    share = shared(torch.ones(y.shape[1], dtype=y.dtype), blocks)
    return ((scaled[:, None] - scaled[None]) ** 2 * share / share.sum()).sum(-1)


def pointwise(d: Tensor, y: Tensor, blocks: tuple[int, ...], classes: bool) -> Tensor:
    k = without_diagonal(torch.exp(-d))
    like = without_diagonal(torch.exp(-target_distances(y, blocks, classes)))
    hits, total = (k * like).sum(1), k.sum(1)
    known = hits > 1e-12
    return -(hits[known] / total[known]).log().mean()


def leave_one_out(d: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Mean square error per dimension of a leave-one-out kernel regression, and R2 with its bias on noise removed."""
    k = without_diagonal(torch.exp(-d))
    p = torch.stack([k[i] / k[i].sum() for i in range(len(y))])
    error = torch.stack([(y[i] - (p[i][:, None] * y).sum(0)) ** 2 for i in range(len(y))]).mean(0)
    lost = (p**2).sum(1).mean() + 1 / (len(y) - 1)
    return error, 1 + lost - error / ((y - y.mean(0)) ** 2).mean(0)


def gaussian(d: Tensor, y: Tensor, blocks: tuple[int, ...] = (), explained: Tensor | None = None) -> Tensor:
    """With ``explained`` the state of the gate before this batch; None for no gate."""
    error, r2 = leave_one_out(d, y)
    w = torch.ones_like(error)
    if explained is not None:
        state = (0.98 * explained + 0.02 * r2).detach()
        w = shared(((state.clamp(min=0) + 0.002) / 0.05).clamp(max=1), blocks)
    return 0.5 * (w * error.log()).sum()


def saturated(z: Tensor, shift: Tensor, means: Callable[[Tensor], Tensor] = lambda t: t) -> Tensor:
    """Standardised, bent and centred outputs; ``means`` is what becomes of them before they are centred."""
    c = z - z.mean(0)
    t = means(torch.tanh(1.5 * (c / (c**2).mean().sqrt() + shift)))
    return t - t.mean(0)


def decoder(
    z: Tensor,
    y: Tensor,
    shift: Tensor,
    weights: Tensor,
    blocks: tuple[int, ...] = (),
    explained: Tensor | None = None,
    means: Callable[[Tensor], Tensor] = lambda t: t,
) -> Tensor:
    """Samples predicted by a linear decoder that is given, shape (code, D)."""
    y = y - y.mean(0)
    error, w = ((y - saturated(z, shift, means) @ weights) ** 2).mean(0), torch.ones_like(y[0])
    if explained is not None:
        state = (0.98 * explained + 0.02 * (1 - error / (y**2).mean(0))).detach()
        w = shared(((state.clamp(min=0) + 0.002) / 0.05).clamp(max=1), blocks)
    return 0.5 * (w * error.log()).sum()


def ridge(
    z: Tensor,
    y: Tensor,
    shift: Tensor,
    classes: bool,
    blocks: tuple[int, ...] = (),
    explained: Tensor | None = None,
    means: Callable[[Tensor], Tensor] = lambda t: t,
) -> Tensor:
    """Every sample predicted by a ridge regression that was fitted without it, one after the other."""
    u = saturated(z, shift, means)
    u = u / (u**2).sum(1).mean().sqrt()
    y, guesses, lost = y - y.mean(0), [], []
    for i in range(len(y)):
        rest = [j for j in range(len(y)) if j != i]
        weights = u[i] @ u[rest].T @ torch.linalg.inv(u[rest] @ u[rest].T + 0.1 * torch.eye(len(rest), dtype=y.dtype))
        guesses.append(weights @ y[rest])
        lost.append((weights**2).sum())
    guess = torch.stack(guesses)
    if classes:
        return torch.nn.functional.cross_entropy(guess / 0.1, y.argmax(1))
    error, w = ((y - guess) ** 2).mean(0), torch.ones_like(y[0])
    if explained is not None:
        r2 = 1 + torch.stack(lost).mean() - error / (y**2).mean(0)
        state = (0.98 * explained + 0.02 * r2).detach()
        w = shared(((state.clamp(min=0) + 0.002) / 0.05).clamp(max=1), blocks)
    return 0.5 * (w * error.log()).sum()


def alignment(d: Tensor, y: Tensor, blocks: tuple[int, ...]) -> Tensor:
    n = len(y)
    h = torch.eye(n, dtype=y.dtype) - 1 / n
    k = h @ without_diagonal(torch.exp(-d)) @ h
    y = h @ y
    linear = y @ torch.diag(shared(torch.ones(y.shape[1], dtype=y.dtype), blocks)) @ y.T
    return -(k * linear).sum() / ((k**2).sum().sqrt() * (linear**2).sum().sqrt())


def renyi_entropy(d: Tensor, alpha: float) -> Tensor:
    """1/(1-alpha) log( tr A^alpha - sum_i A_ii^alpha ), A = K/n, K_ij = exp(-d_ij / 2), by eigenvalues throughout."""
    a = torch.exp(-d / 2) / len(d)
    powers = torch.linalg.eigvalsh(a).clamp(min=0) ** alpha
    return (powers.sum() - (a.diagonal() ** alpha).sum()).log() / (1 - alpha)


def renyi(d: Tensor, y: Tensor, blocks: tuple[int, ...], classes: bool, alpha: float) -> Tensor:
    e = target_distances(y, blocks, classes)
    return -(renyi_entropy(d, alpha) + renyi_entropy(e, alpha) - renyi_entropy(d + e, alpha))


def loss(
    name: str,
    z: Tensor,
    y: Tensor,
    h: Tensor,
    *,
    scale: str,
    bandwidth: float,
    beta: float,
    classes: bool,
    blocks: tuple[int, ...],
    alpha: float = 2.0,
    explained: Tensor | None = None,
    shift: Tensor | None = None,
    decoders: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """L(Z; Y) - beta L(Z; X) of one objective by name; ``decoders`` are those of y and of h."""
    if name == "decoder":
        of_y, of_h = decoders
        return decoder(z, y, shift, of_y, blocks, explained) - beta * decoder(z, h, shift, of_h) / h.shape[1]
    if name == "ridge":
        return ridge(z, y, shift, classes, blocks, explained) - beta * ridge(z, h, shift, False) / h.shape[1]
    d = distances(z, scale, bandwidth)
    if name == "gaussian":
        return gaussian(d, y, blocks, explained) - beta * gaussian(d, h) / h.shape[1]
    if name == "cka":
        return alignment(d, y, blocks) - beta * alignment(d, h, ())
    if name == "pointwise":
        return pointwise(d, y, blocks, classes) - beta * pointwise(d, h, (), False)
    return renyi(d, y, blocks, classes, alpha) - beta * renyi(d, h, (), False, alpha)
