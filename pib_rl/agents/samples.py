"""Samples to learn from, and all that a learner may ask about them: the one place where modes of learning differ."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import NamedTuple

from torch import Tensor

from pib_rl.agents.network import Measurement, Network
from pib_rl.agents.target import Target


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
    """n samples.

    Attributes:
        x: Inputs of the network, shape (n, in_features).
    """

    x: Tensor

    def __len__(self) -> int:
        return len(self.x)

    @property
    @abstractmethod
    def target(self) -> Target:
        """What is broadcast to every unit."""

    @property
    @abstractmethod
    def pairs(self) -> Pairs:
        """Each sample with two answers."""

    @abstractmethod
    def loss(self, pick: Tensor, outputs: Tensor) -> Tensor:
        """The loss that the readout follows, a scalar.

        Args:
            pick: Indices of m samples.
            outputs: Outputs of the readout for them, measured just now, shape (m, outputs).
        """


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

    @cached_property
    def x(self) -> Tensor:
        """Inputs of the network, shape (m, in_features)."""
        return self._samples.x[self._pick]

    @cached_property
    def seen(self) -> Measurement:
        """What the network shows for the batch, measured when it is first asked for."""
        return self._network.measure(self.x)

    @property
    def target(self) -> Target:
        """What is broadcast to every unit."""
        return self._samples.target.take(self._pick)

    @property
    def pairs(self) -> Pairs:
        """Each sample with two answers."""
        return Pairs(*(part[self._pick] for part in self._samples.pairs))

    def loss(self, outputs: Tensor) -> Tensor:
        """The loss that the readout follows, from its outputs for the batch, shape (m, outputs); a scalar."""
        return self._samples.loss(self._pick, outputs)
