"""A rollout with its advantages: what every learner draws its samples from."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from pib_rl.agents.network.normaliser import Normaliser
from pib_rl.agents.objectives.target import Target


@dataclass
class Experience:
    """A rollout with its advantages, samples in one axis (n = T N).

    Args:
        obs: Flat observations, shape (n, d).
        next_obs: What followed, shape (n, d).
        actions: Shape (n,) or (n, k).
        parameters: Parameters of the distribution of actions, as read while acting, shape (n, p).
        values: Values from a read of their own, shape (n,), in units of the return scale.
        advantage: Shape (n,), in units of the return scale.
        score: Standardised gradient of the log-probability, shape (n, s).
    """

    obs: Tensor
    next_obs: Tensor
    actions: Tensor
    parameters: Tensor
    values: Tensor
    advantage: Tensor
    score: Tensor

    @property
    def returns(self) -> Tensor:
        """Advantage plus value: the value's target."""
        return self.advantage + self.values

    @property
    def outputs(self) -> Tensor:
        """Parameters and values as the readout gives them, shape (n, o)."""
        return torch.cat([self.parameters, self.values[:, None]], 1)

    def take(self, pick: Tensor) -> Experience:
        """The samples of these indices."""
        return Experience(**{field.name: getattr(self, field.name)[pick] for field in fields(self)})

    @classmethod
    def joined(cls, parts: list[Experience]) -> Experience:
        """The samples of all parts, in order."""
        return cls(**{field.name: torch.cat([getattr(part, field.name) for part in parts]) for field in fields(cls)})


def reward_target(recent: list[Experience], normaliser: Normaliser) -> Target:
    """Three blocks, y = [ A score/rms | (R - mean)/std | clip((x' - mean)/std, -4, 4) ], centred."""
    advantage = torch.cat([e.advantage for e in recent])
    reward = (advantage / advantage.std().clamp(min=1e-6))[:, None] * torch.cat([e.score for e in recent])
    reward = reward / reward.square().mean().sqrt().clamp(min=1e-6)
    gain = standardise(torch.cat([e.returns for e in recent])[:, None])
    following = normaliser(torch.cat([e.next_obs for e in recent]))
    values = torch.cat([reward, gain, standardise(following).clamp_(-4, 4)], 1)
    return Target(values - values.mean(0), (reward.shape[1], 1, following.shape[1]))


def standardise(values: Tensor) -> Tensor:
    """Zero mean and unit standard deviation per column."""
    return (values - values.mean(0)) / values.std(0).clamp(min=1e-6)
