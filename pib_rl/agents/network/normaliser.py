"""Running statistics that travel with the model: of observations or inputs, and of returns."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from pib_rl.common.state import NOT_NEGATIVE, POSITIVE, Valid


class Normaliser(nn.Module):
    """Running mean and standard deviation per feature.

    x = clip((obs - mean)/std, -limit, limit). Statistics are constant unless `update` is called, which a
    rollout never does. The update is Chan's parallel formula.

    Attributes:
        mean, std: Shape (*chips, 1, features).
        count: Observations so far, of each chip.

    Args:
        features: Number of features.
        chips: Leading axes, see `Streams.chips`; each chip has statistics of its own.
        limit: Largest |x|, in standard deviations.
        common: One mean and one standard deviation for all features, as suits the pixels of an image.
    """

    VALID: ClassVar[Valid] = {"std": POSITIVE, "count": NOT_NEGATIVE}
    mean: Tensor
    std: Tensor
    count: Tensor

    def __init__(self, features: int, limit: float = 5.0, common: bool = False, chips: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.limit = limit
        self.common = common
        self.register_buffer("mean", torch.zeros((*chips, 1, features)))
        self.register_buffer("std", torch.ones((*chips, 1, features)))
        self.register_buffer("count", torch.zeros((), dtype=torch.float64))

    def forward(self, observation: Tensor) -> Tensor:
        """Standardised observations, shape (*chips, n, features)."""
        return observation.sub(self.mean).div_(self.std).clamp_(-self.limit, self.limit)

    def update(self, batch: Tensor) -> None:
        """Takes in a batch, shape (*chips, n, features)."""
        batch = batch.double().flatten(-2).unsqueeze(-1) if self.common else batch.double()
        n, old = batch.shape[-2], self.count
        mean, square = batch.mean(-2, keepdim=True), batch.var(-2, correction=0, keepdim=True)
        total = old + n
        gap = mean - self.mean
        variance = (self.std.double().square() * old + square * n + gap.square() * old * n / total) / total
        self.mean.add_(gap * n / total)
        self.std.copy_(variance.sqrt().clamp_(min=1e-4))
        self.count.copy_(total)


class ReturnScale(nn.Module):
    """Running standard deviation of the return so far, discounted by ``gamma`` per step, as in VecNormalize."""

    def __init__(self, gamma: float, chips: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.gamma = gamma
        self.statistics = Normaliser(1, chips=chips)

    @property
    def each(self) -> Tensor:
        """Standard deviation of returns, in units of reward, shape (*chips, 1, 1)."""
        return self.statistics.std

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
