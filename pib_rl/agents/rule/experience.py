"""A rollout with its advantages: what every learner draws its samples from."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pib_rl.agents.network.normaliser import Normaliser
from pib_rl.agents.objectives.target import Target


@dataclass
class Experience:
    """A rollout with its advantages, samples in one axis (n = T N), behind the axis of chips of a wafer.

    Args:
        obs: Flat observations, shape (*chips, n, d).
        next_obs: What followed, shape (*chips, n, d).
        actions: Shape (*chips, n) or (*chips, n, k).
        parameters: Parameters of the distribution of actions, as read while acting, shape (*chips, n, p).
        values: Values from a read of their own, shape (*chips, n), in units of the return scale.
        advantage: Shape (*chips, n), in units of the return scale.
        returns: Advantage plus value: the value's target, shape (*chips, n).
        score: Standardised gradient of the log-probability, shape (*chips, n, s).
    """

    obs: Tensor
    next_obs: Tensor
    actions: Tensor
    parameters: Tensor
    values: Tensor
    advantage: Tensor
    returns: Tensor
    score: Tensor

    def __len__(self) -> int:
        """Samples of each chip."""
        return self.values.shape[-1]

    @property
    def outputs(self) -> Tensor:
        """Parameters and values as the readout gives them, shape (*chips, n, o)."""
        return torch.cat([self.parameters, self.values.unsqueeze(-1)], -1)

    def take(self, pick: Tensor) -> Experience:
        """The samples of these indices, shape (m,), the same of every chip."""
        axis = self.values.ndim - 1
        return Experience(**{name: value.index_select(axis, pick) for name, value in vars(self).items()})

    def part(self, which: slice) -> Experience:
        """Views of some of the samples."""
        place = (..., which)
        matrix = (..., which, slice(None))
        return Experience(
            *(value[place if value.ndim == self.values.ndim else matrix] for value in vars(self).values())
        )

    @classmethod
    def joined(cls, parts: list[Experience]) -> Experience:
        """The samples of all parts, in order."""
        axis = parts[0].values.ndim - 1
        columns = zip(*(vars(part).values() for part in parts), strict=True)
        return cls(*(torch.cat(column, axis) for column in columns))


def reward_target(samples: Experience, normaliser: Normaliser) -> Target:
    """Three blocks, y = [ A score/rms | (R - mean)/std | clip((x' - mean)/std, -4, 4) ], centred, per chip."""
    advantage = samples.advantage
    reward = (advantage / advantage.std(-1, keepdim=True).clamp(min=1e-6)).unsqueeze(-1) * samples.score
    reward = reward / reward.square().mean((-2, -1), keepdim=True).sqrt().clamp(min=1e-6)
    gain = standardise(samples.returns.unsqueeze(-1))
    following = normaliser(samples.next_obs)
    values = torch.cat([reward, gain, standardise(following).clamp_(-4, 4)], -1)
    return Target(values - values.mean(-2, keepdim=True), (reward.shape[-1], 1, following.shape[-1]))


def standardise(values: Tensor) -> Tensor:
    """Zero mean and unit standard deviation per column, of values, shape (..., n, columns)."""
    return (values - values.mean(-2, keepdim=True)) / values.std(-2, keepdim=True).clamp(min=1e-6)
