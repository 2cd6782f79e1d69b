"""Action heads: from readout outputs to actions, log-probabilities and closed-form policy gradients."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any

import torch
from gymnasium import spaces
from torch import Tensor, nn

from pib_rl.agents.network.optimisers import Adam
from pib_rl.common.streams import EXPLORATION, Streams


class Head(nn.Module, ABC):
    """A distribution over actions, parametrised by the readout's first ``outputs`` outputs.

    Parameters have shape (..., n, outputs), discrete actions (..., n), continuous ones (..., n, outputs); "..." is the
    axis of chips of a wafer, or nothing.

    Attributes:
        outputs: Number of parameters per sample.
        score_features: Dimensions of `score`.
    """

    outputs: int

    @property
    def score_features(self) -> int:
        return self.outputs

    @abstractmethod
    def sample(self, parameters: Tensor, streams: Streams) -> Tensor:
        """Draws actions from the exploration stream."""

    def explore(self, parameters: Tensor, streams: Streams) -> Tensor:
        """Draws the actions of one step of a training; row i of successive steps is one environment."""
        return self.sample(parameters, streams)

    @abstractmethod
    def mode(self, parameters: Tensor) -> Tensor:
        """Most likely actions."""

    @abstractmethod
    def encode(self, actions: Tensor) -> Tensor:
        """Actions as numbers of the order of 1, shape (..., n, outputs): one-hot, or as they are."""

    @abstractmethod
    def other(self, parameters: Tensor, actions: Tensor, streams: Streams) -> Tensor:
        """Draws actions of the policy that are not ``actions``, from the exploration stream."""

    @abstractmethod
    def log_prob(self, parameters: Tensor, actions: Tensor) -> Tensor:
        """Log-probability (density for continuous actions) of each action, shape (..., n), in nats."""

    @abstractmethod
    def entropy(self, parameters: Tensor) -> Tensor:
        """Entropy of each sample's distribution, shape (..., n), in nats."""

    @abstractmethod
    def score(self, parameters: Tensor, actions: Tensor) -> Tensor:
        """Standardised gradient of the log-probability by the parameters, shape (..., n, score_features).

        onehot(a) - pi for discrete actions, (a - mu)/sigma for continuous ones: the direction that an advantage
        modulates in the target of every unit.
        """

    @abstractmethod
    def preference(self, parameters: Tensor) -> Tensor:
        """What the parameters say of the actions, in the units of `score`, shape (..., n, score_features).

        Logits less their mean for discrete actions, mu/sigma for continuous ones.
        """

    @abstractmethod
    def gradient(self, parameters: Tensor, score: Tensor, push: Tensor, entropy: float) -> Tensor:
        """Gradient of -mean_i push_i log pi(a_i) - entropy mean_i H_i by the parameters, shape (..., n, outputs).

        ``score`` is that of the actions, `score`, and may be overwritten; ``push`` has shape (..., n).
        """

    def update_std(self, parameters: Tensor, actions: Tensor, push: Tensor, entropy: float, rate: float) -> None:
        """Moves the standard deviation of continuous actions, which does not depend on the state."""


class DiscreteHead(Head):
    """pi = softmax(logits); actions are integers, shape (..., n)."""

    def __init__(self, actions: int) -> None:
        super().__init__()
        self.outputs = actions

    def sample(self, parameters: Tensor, streams: Streams) -> Tensor:
        """The largest of p_a / e_a with e standard exponential has the law p, as in torch.multinomial."""
        generator = streams.generator(EXPLORATION, parameters.device)
        shape, kind, device = parameters.shape, parameters.dtype, parameters.device
        waits = torch.rand(shape, generator=generator, dtype=kind, device=device).log_().neg_()
        return parameters.softmax(-1).div_(waits).argmax(-1)

    def mode(self, parameters: Tensor) -> Tensor:
        return parameters.argmax(-1)

    def encode(self, actions: Tensor) -> Tensor:
        return nn.functional.one_hot(actions, self.outputs).float()

    def other(self, parameters: Tensor, actions: Tensor, streams: Streams) -> Tensor:
        return self.sample(parameters.log_softmax(-1).clamp(min=-30).scatter(-1, actions[..., None], -60.0), streams)

    def log_prob(self, parameters: Tensor, actions: Tensor) -> Tensor:
        return parameters.log_softmax(-1).gather(-1, actions[..., None]).squeeze(-1)

    def entropy(self, parameters: Tensor) -> Tensor:
        logs = parameters.log_softmax(-1)
        return -(logs.exp() * logs).sum(-1)

    def score(self, parameters: Tensor, actions: Tensor) -> Tensor:
        minus = parameters.softmax(-1).neg_()
        return minus.scatter_add_(-1, actions[..., None], torch.ones_like(minus[..., :1]))

    def preference(self, parameters: Tensor) -> Tensor:
        return parameters - parameters.mean(-1, keepdim=True)

    def gradient(self, parameters: Tensor, score: Tensor, push: Tensor, entropy: float) -> Tensor:
        n = parameters.shape[-2]
        slope = score.mul_((push * (-1 / n))[..., None])
        if entropy:
            logs = parameters.log_softmax(-1)
            pi = logs.exp()
            mean = (pi * logs).sum(-1, keepdim=True)
            slope.add_(pi * (logs - mean), alpha=entropy / n)
        return slope


class GaussianHead(Head):
    """a ~ N(mu, sigma^2), sigma independent of the state and learned here; actions in units of the action range.

    An action of -1..1 spans the action space's bounds; beyond them it is clipped by whoever applies it.

    Exploration may be correlated in time: e_t = rho e_(t-1) + sqrt(1 - rho^2) n_t with n_t standard normal, so that
    each action is distributed as before while a slow system feels the noise at all. The policy gradient takes the
    draws for independent. Like the environments' own states, e is not saved with the agent.

    Source: Hollenstein et al., Colored Noise in PPO, AAAI 2024 (arXiv 2312.11091), there with other spectra.

    Args:
        actions: Number of action dimensions.
        log_std: Initial log sigma.
        correlation: rho, of successive steps.
        chips: Leading axes, see `Streams.chips`; each chip has a sigma of its own.

    Raises:
        ValueError: If rho is not in 0..1 (1 excluded).
    """

    log_std: Tensor

    def __init__(
        self, actions: int, log_std: float = -0.5, correlation: float = 0.0, chips: tuple[int, ...] = ()
    ) -> None:
        super().__init__()
        if not 0 <= correlation < 1:
            raise ValueError(f"noise_correlation must be in 0..1 (1 excluded), got {correlation}")
        self.outputs = actions
        self.correlation = correlation
        self._noise: Tensor | None = None
        self.register_buffer("log_std", torch.full((*chips, 1, actions), log_std, dtype=torch.float32))
        self.optimiser = Adam((*chips, 1, actions))

    def sample(self, parameters: Tensor, streams: Streams) -> Tensor:
        return torch.addcmul(parameters, streams.normal(EXPLORATION, parameters), self.log_std.exp())

    def explore(self, parameters: Tensor, streams: Streams) -> Tensor:
        noise, last = streams.normal(EXPLORATION, parameters), self._noise
        if self.correlation and last is not None and last.shape == noise.shape:
            noise = self.correlation * last + (1 - self.correlation**2) ** 0.5 * noise
        self._noise = noise
        return torch.addcmul(parameters, noise, self.log_std.exp())

    def mode(self, parameters: Tensor) -> Tensor:
        return parameters

    def encode(self, actions: Tensor) -> Tensor:
        return actions

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


def make_head(
    space: spaces.Space[Any],
    log_std_init: float = -0.5,
    noise_correlation: float = 0.0,
    chips: tuple[int, ...] = (),
) -> Head:
    """The head of an action space, Discrete or Box; settings of continuous actions as for `GaussianHead`.

    Raises:
        ValueError: If the space is neither Discrete nor a bounded or unbounded Box, or a value is out of range.
    """
    if isinstance(space, spaces.Discrete):
        if space.start != 0:
            raise ValueError(
                f"actions must be numbered from 0, got Discrete({space.n}, start={space.start}); "
                "wrap the environment with gymnasium.wrappers.TransformAction"
            )
        return DiscreteHead(int(space.n))
    if isinstance(space, spaces.Box):
        return GaussianHead(int(torch.tensor(space.shape).prod()), log_std_init, noise_correlation, chips)
    raise ValueError(
        f"action space must be Discrete or Box, got {type(space).__name__}; "
        "wrap the environment so that it offers one of these"
    )
