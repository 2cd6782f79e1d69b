"""Running statistics that travel with the model: of observations or inputs, and of returns."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from pib_rl.common.finite import MOST_SEEN
from pib_rl.common.state import NOT_NEGATIVE, Valid
from pib_rl.physical.part import restore_after_loading

ROUNDING = 2  # steps of its own precision by which a feature has to vary to count as varying
FAR = 1024  # standard deviations between a mean and 0, from which differences are taken in 64 bits


class Normaliser(nn.Module):
    """Running mean and standard deviation per feature.

    x = clip((obs - mean)/std, -limit, limit), whatever the unit and the offset of a feature. Of observations in 64 bits
    the difference is taken in 64 where the mean is far from 0 (`wide`); x has 32 bits. A feature that has not varied
    yet, beyond the rounding of its own values, is divided by 1. Statistics are constant unless `update` is called,
    which a rollout never does. The update is Chan's parallel formula.

    Attributes:
        mean, std: Shape (*chips, 1, features); ``std`` is 0 where nothing varied. The mean is held in 64 bits.
        count: Observations so far, of each chip.
        scale: What is divided by: ``std``, or 1 where nothing varied; of the same shape.
        wide: Whether a mean is so many times its scale (`FAR`) that 32 bits would round what is left behind it.

    Args:
        features: Number of features.
        chips: Leading axes, see `Streams.chips`; each chip has statistics of its own.
        limit: Largest |x|, in standard deviations.
        common: One mean and one standard deviation for all features, as suits the pixels of an image.
    """

    VALID: ClassVar[Valid] = {"mean": (-MOST_SEEN, MOST_SEEN), "std": (0.0, MOST_SEEN), "count": NOT_NEGATIVE}
    mean: Tensor
    std: Tensor
    count: Tensor
    scale: Tensor
    _short_mean: Tensor

    def __init__(self, features: int, limit: float = 5.0, common: bool = False, chips: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.limit = limit
        self.common = common
        shape = (*chips, 1, features)
        self.register_buffer("mean", torch.zeros(shape, dtype=torch.float64))
        self.register_buffer("std", torch.ones(shape, dtype=torch.float32))
        self.register_buffer("count", torch.zeros((), dtype=torch.float64))
        self.register_buffer("scale", torch.ones_like(self.std), persistent=False)
        self.register_buffer("_short_mean", torch.zeros_like(self.std), persistent=False)
        self.wide = False
        restore_after_loading(self)

    def restore(self) -> None:
        """Takes over what the statistics say, they may have been loaded."""
        self.scale.copy_(self.std.where(self.std > 0, 1.0))
        self._short_mean.copy_(self.mean)
        self.wide = bool((self.mean.abs() > FAR * self.scale).any())

    def narrowed(self, observation: Tensor) -> Tensor:
        """The same in 32 bits where these hold what tells observations apart; else as it is."""
        return observation if self.wide else observation.to(self.scale.dtype)

    def forward(self, observation: Tensor) -> Tensor:
        """Standardised observations, shape (*chips, n, features), in 32 bits."""
        observation = self.narrowed(observation)
        mean = self._short_mean if observation.dtype is self.scale.dtype else self.mean
        return observation.sub(mean).div_(self.scale).clamp_(-self.limit, self.limit).to(self.scale.dtype)

    def update(self, batch: Tensor, weight: Tensor | None = None) -> None:
        """Takes in a batch, shape (*chips, n, features); ``weight``, shape (n,), says how often each sample counts."""
        if weight is not None and self.common:
            weight = weight.repeat_interleave(batch.shape[-1])
        kind = batch.dtype if batch.is_floating_point() else torch.float64
        batch = batch.double().flatten(-2).unsqueeze(-1) if self.common else batch.double()
        n, old = batch.shape[-2], self.count
        square, mean = _spread(batch, weight)
        total = old + n
        gap = mean - self.mean
        variance = (self.std.double().square() * old + square * n + gap.square() * old * n / total) / total
        self.mean.copy_((self.mean + gap * n / total).to(kind))  # equal values have that value as their mean
        std = variance.sqrt()
        self.std.copy_(std.masked_fill_(std <= ROUNDING * torch.finfo(kind).eps * self.mean.abs(), 0.0))
        self.count.copy_(total)
        self.restore()


class ReturnScale(nn.Module):
    """Running standard deviation of the return so far, discounted by ``gamma`` per step, as in VecNormalize."""

    def __init__(self, gamma: float, chips: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.gamma = gamma
        self.statistics = Normaliser(1, chips=chips)

    @property
    def each(self) -> Tensor:
        """Standard deviation of returns, 1 while none differ, in units of reward, shape (*chips, 1, 1)."""
        return self.statistics.scale

    @property
    def value(self) -> float:
        """That of a single chip."""
        return float(self.each.item())

    def update(self, rewards: Tensor, dones: Tensor, running: Tensor) -> Tensor:
        """Takes in a rollout: rewards, and 1 where an episode ended, both of shape (*chips, steps, envs).

        ``running`` is the discounted return so far of each environment, shape (*chips, envs); the new one is given
        back.
        """
        sums = []
        for reward, done in zip(rewards.unbind(-2), dones.unbind(-2), strict=True):
            running = torch.add(reward, running, alpha=self.gamma)
            sums.append(running)
            running = running * (1 - done)
        self.statistics.update(torch.cat(sums, -1).unsqueeze(-1))
        return running


def _spread(batch: Tensor, weight: Tensor | None) -> tuple[Tensor, Tensor]:
    """Variance and mean of a batch, shape (*chips, n, features), over its samples; both of shape (*chips, 1, ...)."""
    if weight is None:
        square, mean = torch.var_mean(batch, -2, correction=0, keepdim=True)
        return square, mean
    part = (weight.double() / weight.double().sum())[:, None]
    mean = (part * batch).sum(-2, keepdim=True)
    return (part * (batch - mean).square()).sum(-2, keepdim=True), mean
