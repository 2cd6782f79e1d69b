"""A rollout with its advantages: what every learner draws its samples from."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

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
        preference: What the policy preferred, in the units of the score, shape (*chips, n, s).
    """

    obs: Tensor
    next_obs: Tensor
    actions: Tensor
    parameters: Tensor
    values: Tensor
    advantage: Tensor
    returns: Tensor
    score: Tensor
    preference: Tensor

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


def reward_target(samples: Experience) -> Target:
    """What the readout should say, in two blocks, centred, per chip: y = [ p + A score | (R - mean)/std ].

    The first block, divided by its rms, is what the policy preferred, p, moved by what came of it: the advantage A, in
    standard deviations, times the score of the action. p has hardly any noise, and holds what many rollouts taught; A
    has much, and is new. The return R is the same for the value: V plus an advantage.
    """
    advantage = samples.advantage
    push = (advantage / advantage.std(-1, keepdim=True).clamp(min=1e-6)).unsqueeze(-1) * samples.score
    wanted = samples.preference + push
    wanted = wanted / wanted.square().mean((-2, -1), keepdim=True).sqrt().clamp(min=1e-6)
    values = torch.cat([wanted, standardise(samples.returns.unsqueeze(-1))], -1)
    return Target(values - values.mean(-2, keepdim=True), (wanted.shape[-1], 1))


def standardise(values: Tensor) -> Tensor:
    """Zero mean and unit standard deviation per column, of values, shape (..., n, columns)."""
    return (values - values.mean(-2, keepdim=True)) / values.std(-2, keepdim=True).clamp(min=1e-6)
