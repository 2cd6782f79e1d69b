"""Running statistics that travel with the model: of observations or inputs, and of returns."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Normaliser(nn.Module):
    """Running mean and standard deviation per feature.

    x = clip((obs - mean)/std, -limit, limit). Statistics are constant unless `update` is called, which a
    rollout never does. The update is Chan's parallel formula.

    Args:
        features: Number of features.
        limit: Largest |x|, in standard deviations.
        common: One mean and one standard deviation for all features, as suits the pixels of an image.
    """

    mean: Tensor
    std: Tensor
    count: Tensor

    def __init__(self, features: int, limit: float = 5.0, common: bool = False) -> None:
        super().__init__()
        self.limit = limit
        self.common = common
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("std", torch.ones(features))
        self.register_buffer("count", torch.zeros((), dtype=torch.float64))

    def forward(self, observation: Tensor) -> Tensor:
        """Standardised observations, shape (n, features)."""
        return observation.sub(self.mean).div_(self.std).clamp_(-self.limit, self.limit)

    def update(self, batch: Tensor) -> None:
        """Takes in a batch, shape (n, features)."""
        batch = batch.double().reshape(-1, 1) if self.common else batch.double()
        n, old = len(batch), self.count
        mean, square = batch.mean(0), batch.var(0, correction=0)
        total = old + n
        gap = mean - self.mean
        variance = (self.std.double().square() * old + square * n + gap.square() * old * n / total) / total
        self.mean.add_(gap * n / total)
        self.std.copy_(variance.sqrt().clamp_(min=1e-4))
        self.count.copy_(total)


class ReturnScale(nn.Module):
    """Running standard deviation of the return so far, discounted by ``gamma`` per step, as in VecNormalize."""

    def __init__(self, gamma: float) -> None:
        super().__init__()
        self.gamma = gamma
        self.statistics = Normaliser(1)

    @property
    def value(self) -> float:
        """Standard deviation of returns, in units of reward."""
        return float(self.statistics.std.item())

    def update(self, rewards: Tensor, dones: Tensor, running: Tensor) -> Tensor:
        """Takes in a rollout: rewards, and 1 where an episode ended, both of shape (steps, envs).

        ``running`` is the discounted return so far of each environment, shape (envs,); the new one is given back.
        """
        sums = torch.empty_like(rewards)
        for step in range(len(rewards)):
            running = running * self.gamma + rewards[step]
            sums[step] = running
            running = running * (1 - dones[step])
        self.statistics.update(sums.reshape(-1, 1))
        return running
