"""What an action head is: from readout outputs to actions, log-probabilities and closed-form policy gradients."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor, nn

from pib_rl.common.streams import Streams


class Head(nn.Module, ABC):
    """A distribution over actions, parametrised by the readout's first ``outputs`` outputs.

    Parameters have shape (..., n, outputs) and actions (..., n, *shape); "..." is the axis of chips of a wafer, or
    nothing.

    Attributes:
        outputs: Number of parameters per sample.
        shape: Shape of an action: () for one choice, (d,) for d numbers.
        whole: Whether actions are whole numbers, counted from 0.
        score_features: Dimensions of `score`.
    """

    outputs: int
    shape: tuple[int, ...] = ()
    whole: ClassVar[bool] = True

    @property
    def score_features(self) -> int:
        return self.outputs

    @abstractmethod
    def sample(self, parameters: Tensor, streams: Streams) -> Tensor:
        """Draws actions from the exploration stream."""

    def explore(self, parameters: Tensor, streams: Streams) -> Tensor:
        """Draws the actions of one step of a training; row i of successive steps is one environment."""
        return self.sample(parameters, streams)

    def exploration_state(self) -> Tensor | None:
        """What `explore` remembers of the step before."""
        return None

    def load_exploration_state(self, state: Tensor | None) -> None:
        """Goes on from an `exploration_state`."""

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
