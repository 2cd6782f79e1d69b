"""What an action head is: from readout outputs to actions, log-probabilities and closed-form policy gradients."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor, nn

from pib_rl.common.options import number
from pib_rl.common.streams import EXPLORATION, Streams


class Head(nn.Module, ABC):
    """A distribution over actions, parametrised by the readout's first ``outputs`` outputs.

    Parameters have shape (..., n, outputs) and actions (..., n, *shape); "..." is the axis of chips of a wafer, or
    nothing.

    Exploration may be correlated in time. Actions follow from standard normal numbers e, one for each parameter, and

        e_t = rho e_(t-1) + sqrt(1 - rho^2) n_t,   n_t standard normal,

    so that each action is distributed as before, while an environment gets the same discrete action, or noise of one
    sign, for about 1/(1 - rho) steps: far states are reached that independent draws hardly ever reach. The policy
    gradient takes the draws for independent.

    Source: for continuous actions Hollenstein et al., Colored Noise in PPO, AAAI 2024 (arXiv 2312.11091), with other
    spectra; for discrete ones that last Dabney et al., arXiv 2006.01782, for epsilon-greedy. One form for both is ours.

    Args:
        correlation: rho, the correlation of the noise of successive steps.

    Raises:
        ValueError: If rho is no number in 0..1 (1 excluded).

    Attributes:
        outputs: Number of parameters per sample.
        shape: Shape of an action: () for one choice, (d,) for d numbers.
        whole: Whether actions are whole numbers, counted from 0.
        score_features: Dimensions of `score`.
    """

    outputs: int
    shape: tuple[int, ...] = ()
    whole: ClassVar[bool] = True

    def __init__(self, correlation: float = 0.0) -> None:
        super().__init__()
        self.correlation = number("noise_correlation", correlation, 0.0, 1.0)
        if self.correlation == 1:
            raise ValueError(f"noise_correlation must be in 0..1 (1 excluded), got {correlation}")
        self._noise: Tensor | None = None

    @property
    def score_features(self) -> int:
        return self.outputs

    @abstractmethod
    def sample(self, parameters: Tensor, streams: Streams) -> Tensor:
        """Draws actions from the exploration stream."""

    @abstractmethod
    def drawn_by(self, parameters: Tensor, noise: Tensor) -> Tensor:
        """Actions that standard normal numbers, shape (..., n, outputs), give: distributed as those of `sample`."""

    def explore(self, parameters: Tensor, streams: Streams) -> Tensor:
        """Draws the actions of one step of a training; row i of successive steps is one environment."""
        if not self.correlation:
            return self.sample(parameters, streams)
        noise, last = streams.normal(EXPLORATION, parameters), self._noise
        if last is not None and last.shape == noise.shape:
            noise = self.correlation * last.to(noise) + (1 - self.correlation**2) ** 0.5 * noise
        self._noise = noise
        return self.drawn_by(parameters, noise)

    def exploration_state(self) -> Tensor | None:
        """What `explore` remembers of the step before; None if nothing."""
        return self._noise

    def load_exploration_state(self, state: Tensor | None) -> None:
        """Goes on from an `exploration_state`; ValueError if it is of another head."""
        if state is not None and not (state.is_floating_point() and state.shape[-1:] == (self.outputs,)):
            raise ValueError(f"noise of the step before must have {self.outputs} numbers in its last axis")
        self._noise = state

    @abstractmethod
    def mode(self, parameters: Tensor) -> Tensor:
        """Most likely actions."""

    @abstractmethod
    def encode(self, actions: Tensor) -> Tensor:
        """Actions as numbers of the order of 1, shape (..., n, outputs): one-hot, or as they are."""

    @abstractmethod
    def probabilities(self, parameters: Tensor) -> list[Tensor]:
        """Probabilities of the values of each number of an action, shape (..., n, values); none for continuous ones."""

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

        onehot(a) - pi for a choice, a - pi for yes or no, (a - mu)/sigma for continuous actions: the direction that an
        advantage modulates in the target of every unit.
        """

    @abstractmethod
    def preference(self, parameters: Tensor) -> Tensor:
        """What the parameters say of the actions, in the units of `score`, shape (..., n, score_features).

        Logits less their mean for a choice, the logit for yes or no, mu/sigma for continuous actions.
        """

    @abstractmethod
    def gradient(self, parameters: Tensor, score: Tensor, push: Tensor, entropy: float) -> Tensor:
        """Gradient of -mean_i push_i log pi(a_i) - entropy mean_i H_i by the parameters, shape (..., n, outputs).

        ``score`` is that of the actions, `score`, and may be overwritten; ``push`` has shape (..., n).
        """

    def update_std(self, parameters: Tensor, actions: Tensor, push: Tensor, entropy: float, rate: float) -> None:
        """Moves the standard deviation of continuous actions, which does not depend on the state."""
