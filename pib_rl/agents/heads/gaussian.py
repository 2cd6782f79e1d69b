"""Continuous actions."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor

from pib_rl.agents.heads.base import Head
from pib_rl.agents.network.optimisers import Adam
from pib_rl.common.options import number
from pib_rl.common.state import Valid
from pib_rl.common.streams import EXPLORATION, Streams


class GaussianHead(Head):
    """a ~ N(mu, sigma^2), sigma independent of the state and learned here; actions in units of the action range.

    An action of -1..1 spans the action space's bounds; beyond them it is clipped by whoever applies it.

    Args:
        actions: Number of action dimensions.
        log_std: Initial log sigma.
        correlation: Of the noise of successive steps, see `Head`; white noise averages out in a slow system.
        chips: Leading axes, see `Streams.chips`; each chip has a sigma of its own.
    """

    VALID: ClassVar[Valid] = {"log_std": (-80.0, 80.0)}
    whole = False
    log_std: Tensor

    def __init__(
        self, actions: int, log_std: float = -0.5, correlation: float = 0.0, chips: tuple[int, ...] = ()
    ) -> None:
        super().__init__(correlation)
        self.outputs = actions
        self.shape = (actions,)
        self.register_buffer(
            "log_std", torch.full((*chips, 1, actions), number("log_std_init", log_std), dtype=torch.float32)
        )
        self.optimiser = Adam((*chips, 1, actions))

    def sample(self, parameters: Tensor, streams: Streams) -> Tensor:
        return self.drawn_by(parameters, streams.normal(EXPLORATION, parameters))

    def drawn_by(self, parameters: Tensor, noise: Tensor) -> Tensor:
        return torch.addcmul(parameters, noise, self.log_std.exp())

    def mode(self, parameters: Tensor) -> Tensor:
        return parameters

    def encode(self, actions: Tensor) -> Tensor:
        return actions

    def probabilities(self, parameters: Tensor) -> list[Tensor]:
        return []

    def other(self, parameters: Tensor, actions: Tensor, streams: Streams) -> Tensor:
        return self.sample(parameters, streams)

    def log_prob(self, parameters: Tensor, actions: Tensor) -> Tensor:
        error = self.score(parameters, actions)
        return -(0.5 * error.square() + self.log_std + 0.5 * math.log(2 * math.pi)).sum(-1)

    def entropy(self, parameters: Tensor) -> Tensor:
        total = (self.log_std + 0.5 * math.log(2 * math.pi * math.e)).sum(-1)
        return total.expand(parameters.shape[:-1])

    def score(self, parameters: Tensor, actions: Tensor) -> Tensor:
        return (actions - parameters) / self.log_std.exp()

    def preference(self, parameters: Tensor) -> Tensor:
        return parameters / self.log_std.exp()

    def gradient(self, parameters: Tensor, score: Tensor, push: Tensor, entropy: float) -> Tensor:
        return score.mul_((push * (-1 / parameters.shape[-2]))[..., None]).div_(self.log_std.exp())

    def update_std(self, parameters: Tensor, actions: Tensor, push: Tensor, entropy: float, rate: float) -> None:
        error = self.score(parameters, actions)
        slope = -(push[..., None] * (error.square() - 1)).mean(-2, keepdim=True) - entropy
        self.log_std.add_(self.optimiser.step(slope, rate)).clamp_(-5.0, 1.0)
