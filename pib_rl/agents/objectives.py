"""Objectives of one unit: information between its measured outputs and a target, with closed-form gradients.

Each objective is built from Gram matrices of one unit's own measurements. None uses automatic differentiation, and
none knows of another unit. An objective is one class and one line in `OBJECTIVES`.

Sources: Wang et al., arXiv 2602.09569 (2026) for physical units; entropies as in `pib_rl.agents.entropy`; centred
kernel alignment: Cortes et al., JMLR 13, 795 (2012).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from pib_rl.agents.entropy import check_order
from pib_rl.agents.gram import TINY, Gram, Scale
from pib_rl.agents.target import Target


class Score(NamedTuple):
    """Loss of a batch (minus information, nats; scalar) and its gradient dL/dz, shape (n, d)."""

    loss: Tensor
    gradient: Tensor


class Objective(nn.Module, ABC):
    """L(Z; Y) - beta L(Z; X): information on the target, less beta times information on the unit's input.

    Args:
        scale: How outputs are scaled, see `Gram`; None for the objective's default.
        bandwidth: Kernel width, see `Gram`; None for 1 ("rms") or 0.45 ("sample").
        beta: Weight of compression, >= 0. No measurement so far found a gain from beta > 0.

    Raises:
        ValueError: If beta is negative or the bandwidth is not positive.
    """

    default_scale: ClassVar[Scale] = "rms"

    def __init__(self, scale: Scale | None = None, bandwidth: float | None = None, beta: float = 0.0) -> None:
        super().__init__()
        self.scale: Scale = self.default_scale if scale is None else scale
        self.bandwidth = (1.0 if self.scale == "rms" else 0.45) if bandwidth is None else bandwidth
        self.beta = beta
        if beta < 0:
            raise ValueError(f"beta must be >= 0, got {beta}")
        if self.bandwidth <= 0:
            raise ValueError(f"bandwidth must be > 0, got {bandwidth}")

    @abstractmethod
    def on_gram(self, k: Tensor, target: Target) -> tuple[Tensor, Tensor]:
        """Loss (scalar) and dL/dlog k, shape (n, n), for a Gram matrix k with zero diagonal."""

    def forward(self, z: Tensor, target: Target, h: Tensor | None = None) -> Score:
        """Scores measured outputs.

        Args:
            z: Measured outputs, shape (n, d), any unit.
            target: Targets of the same n samples.
            h: The unit's measured input, shape (n, in); needed when beta > 0.

        Returns:
            Loss and gradient dL/dz.

        Raises:
            ValueError: If beta > 0 and h is missing.
        """
        gram = Gram(z, self.scale, self.bandwidth)
        loss, dlog = self.on_gram(gram.k, target)
        if self.beta:
            if h is None:
                raise ValueError("an objective with beta > 0 needs the unit's input h")
            loss_x, dlog_x = self.compress(gram.k, Target(h))
            loss, dlog = loss - self.beta * loss_x, dlog - self.beta * dlog_x
        return Score(loss, gram.pull(dlog))

    def compress(self, k: Tensor, source: Target) -> tuple[Tensor, Tensor]:
        """Loss and dL/dlog k with the input in place of the target."""
        return self.on_gram(k, source)


class Pointwise(Objective):
    """L = -mean_i log( sum_j k_ij Y_ij / sum_j k_ij ): the share of like samples among a sample's neighbours.

    Samples without any like sample in the batch are left out. Strongest for classes.
    """

    default_scale = "sample"

    def on_gram(self, k: Tensor, target: Target) -> tuple[Tensor, Tensor]:
        like = k * target.similarity()
        hits = like.sum(1, keepdim=True)
        known = (hits > TINY).to(k.dtype)
        hits, total = hits.clamp(min=TINY), k.sum(1, keepdim=True).clamp(min=TINY)
        share = known / known.sum().clamp(min=1)
        loss = -(share * (hits / total).log()).sum()
        return loss, share * (k / total - like / hits)


class Gaussian(Objective):
    """L = 1/2 sum_d w_d log e_d: minus the information that a Gaussian residual leaves between Z and Y.

    yhat_i = sum_j p_ij y_j with p_ij = k_ij / sum_j k_ij is a leave-one-out kernel regression of the target on the
    unit's own outputs, and e_d = mean_i (y_id - yhat_id)^2 its error. The weights gate what the unit can't know:

        gate_d = min(1, (max(R2_d, 0) + 0.002) / 0.05),   w_d = gate_d / max(1, sum of the gates of d's block),

    with R2_d the running mean (rate 0.02) of 1 + 1/(n-1) + mean_i sum_j p_ij^2 - e_d / var y_d: the explained variance,
    raised by what the regression loses on a target of pure noise, so that it is 0 on average there. A dimension of
    noise weighs almost nothing, and the dimensions of one block share at most one unit of weight. For continuous,
    noisy, multi-dimensional targets.

    Args:
        features: Target dimensions D (needed for the gate's state).
        gated: False for w_d = 1.
    """

    floor, full, rate = 0.002, 0.05, 0.02
    explained: Tensor

    def __init__(self, scale: Scale | None = None, bandwidth: float | None = None, beta: float = 0.0, *,
                 features: int = 1, gated: bool = True) -> None:
        super().__init__(scale, bandwidth, beta)
        self.gated = gated
        self.register_buffer("explained", torch.zeros(features))

    def on_gram(self, k: Tensor, target: Target) -> tuple[Tensor, Tensor]:
        return self._regress(k, target, gated=self.gated)

    def compress(self, k: Tensor, source: Target) -> tuple[Tensor, Tensor]:
        loss, dlog = self._regress(k, source, gated=False)
        return loss / source.values.shape[1], dlog / source.values.shape[1]

    def _regress(self, k: Tensor, target: Target, gated: bool) -> tuple[Tensor, Tensor]:
        y = target.values - target.values.mean(0)
        share = k / k.sum(1, keepdim=True).clamp(min=TINY)
        residual = share @ y - y
        error = residual.square().mean(0).clamp(min=TINY)
        weights = torch.ones_like(error)
        if gated:
            lost = share.square().sum(1).mean() + 1 / (len(y) - 1)
            gain = 1 + lost - error / y.square().mean(0).clamp(min=TINY)
            self.explained.lerp_(gain.to(self.explained), self.rate)
            gate = (self.explained.clamp(min=0) + self.floor).div_(self.full).clamp_(max=1)
            weights = target.shared(gate.to(error))
        loss = 0.5 * (weights * error.log()).sum()
        slope = residual * (weights / error / len(y))
        pull = (slope @ y.T).sub_((slope * (residual + y)).sum(1, keepdim=True))
        return loss, pull.mul_(share)


class Alignment(Objective):
    """L = -<HkH, yy'> / (|HkH| |yy'|): centred kernel alignment with a linear kernel on the centred target.

    The linear kernel averages the noise of an advantage without bias. H = I - 11'/n centres; the norm is
    Frobenius'. The loss is a number between -1 and 1, not nats.
    """

    def on_gram(self, k: Tensor, target: Target) -> tuple[Tensor, Tensor]:
        y = target.values - target.values.mean(0)
        y = y * target.shared(torch.ones_like(y[0])).sqrt()
        linear = y @ y.T
        linear.div_(torch.linalg.matrix_norm(linear).clamp(min=TINY))
        centred = k - k.mean(0, keepdim=True) - k.mean(1, keepdim=True) + k.mean()
        size = torch.linalg.matrix_norm(centred).clamp(min=TINY)
        centred.div_(size)
        alignment = (centred * linear).sum()
        return -alignment, (centred * alignment - linear).mul_(k).div_(size)


class Renyi(Objective):
    """L = -(S(Z) + S(Y) - S(Z, Y)) with matrix-based Renyi entropies, the diagonal removed.

    S_alpha = 1/(1-alpha) log( tr A^alpha - sum_i A_ii^alpha ) with A = K/n. What is taken off is what the diagonal
    alone contributes; for alpha = 2 this is k_ii = 0. The difference is positive for alpha > 1 (the diagonal is
    majorised by the eigenvalues). alpha = 2 needs no eigenvalues; others cost O(n^3).

    Args:
        alpha: Order, > 1.

    Raises:
        ValueError: If alpha <= 1.
    """

    default_scale = "sample"

    def __init__(self, scale: Scale | None = None, bandwidth: float | None = None, beta: float = 0.0, *,
                 alpha: float = 2.0) -> None:
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
        n = len(k)
        if self.alpha == 2.0:
            total = k.sum().clamp(min=TINY)
            return -(total / n**2).log(), -k / total
        root = k.sqrt()
        spectrum, basis = torch.linalg.eigh((root + torch.eye(n, dtype=k.dtype, device=k.device)) / n)
        spectrum = spectrum.clamp(min=0)
        rest = (spectrum.pow(self.alpha).sum() - n ** (1 - self.alpha)).clamp(min=TINY)
        power = (basis * spectrum.pow(self.alpha - 1)) @ basis.T
        # dK/dlog k = K/2 off the diagonal.
        slope = power * root * (self.alpha / (2 * n * (1 - self.alpha))) / rest
        return rest.log() / (1 - self.alpha), slope


OBJECTIVES: dict[str, type[Objective]] = {
    "gaussian": Gaussian, "pointwise": Pointwise, "cka": Alignment, "renyi": Renyi,
}
