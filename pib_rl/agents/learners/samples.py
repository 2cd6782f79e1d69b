"""Samples to learn from, and all that a learner may ask about them: the one place where modes of learning differ."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import NamedTuple

from torch import Tensor

from pib_rl.agents.network.network import Activations, Network
from pib_rl.agents.objectives.target import Target


class Pairs(NamedTuple):
    """Inputs of the network with two answers each, for learners that compare them.

    Args:
        given: The samples with one answer (an action, a label), shape (n, in_features).
        other: The same samples with another answer.
        worth: Shape (n,); positive where the first answer is the better one.
    """

    given: Tensor
    other: Tensor
    worth: Tensor


class Samples(ABC):
    """n samples; ``pick`` holds the indices of m of them."""

    @abstractmethod
    def __len__(self) -> int:
        """Their number n."""

    @abstractmethod
    def inputs(self, pick: Tensor) -> Tensor:
        """Inputs of the network, shape (m, in_features)."""

    @abstractmethod
    def target(self, pick: Tensor) -> Target:
        """What is broadcast to every unit."""

    @abstractmethod
    def pairs(self, pick: Tensor) -> Pairs:
        """Each sample with two answers."""

    @abstractmethod
    def loss(self, pick: Tensor, outputs: Tensor) -> Tensor:
        """The loss that the readout follows, a scalar, from its outputs measured just now, shape (m, outputs)."""


class Batch:
    """Some of the samples, as one step of learning sees them.

    Args:
        samples: All samples.
        pick: Indices of those of the batch.
        network: Measures them.
    """

    def __init__(self, samples: Samples, pick: Tensor, network: Network) -> None:
        self._samples = samples
        self._pick = pick
        self._network = network

    def __len__(self) -> int:
        return len(self._pick)

    @cached_property
    def x(self) -> Tensor:
        """Inputs of the network, shape (m, in_features)."""
        return self._samples.inputs(self._pick)

    @cached_property
    def seen(self) -> Activations:
        """What the network shows for the batch, measured when it is first asked for."""
        return self._network.measure(self.x)

    @property
    def target(self) -> Target:
        """What is broadcast to every unit."""
        return self._samples.target(self._pick)

    @cached_property
    def pairs(self) -> Pairs:
        """Each sample with two answers."""
        return self._samples.pairs(self._pick)

    def loss(self, outputs: Tensor) -> Tensor:
        """The loss that the readout follows, a scalar, from its outputs for the batch, shape (m, outputs)."""
        return self._samples.loss(self._pick, outputs)
