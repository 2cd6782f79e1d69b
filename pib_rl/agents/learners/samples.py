"""Samples to learn from, and all that a learner may ask about them: here reinforcement, labels and views differ."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple

from torch import Tensor

from pib_rl.agents.network.network import Activations, Network
from pib_rl.agents.objectives.target import Target


class Contrast(NamedTuple):
    """Inputs of the network with two actions or labels each, for learners that compare them.

    Args:
        positive: The samples with the action or label that they came with, shape (n, in_features).
        negative: The same samples with another one.
        weight: How much better the first one is, shape (n,); where it is negative, the second one is the better one.
    """

    positive: Tensor
    negative: Tensor
    weight: Tensor


class Samples(ABC):
    """n samples; ``pick`` holds the indices of m of them."""

    @abstractmethod
    def __len__(self) -> int:
        """Their number n."""

    @abstractmethod
    def inputs(self, pick: Tensor) -> Tensor:
        """Inputs of the network, shape (*chips, m, in_features)."""

    @abstractmethod
    def target(self, pick: Tensor) -> Target:
        """What is broadcast to every unit."""

    def kept(self, pick: Tensor) -> Target:
        """What units should not lose, whatever they learn, see `Safeguard`; their target if nothing else."""
        return self.target(pick)

    @abstractmethod
    def contrast(self, pick: Tensor) -> Contrast:
        """Each sample with two actions or labels."""

    @abstractmethod
    def loss(self, pick: Tensor, outputs: Tensor) -> Tensor:
        """The loss that the readout minimises, shape (*chips), from its outputs measured just now.

        Those are of shape (*chips, m, outputs).
        """

    @abstractmethod
    def gradient(self, pick: Tensor, outputs: Tensor) -> Tensor:
        """Gradient of `loss` by the readout's outputs, both of shape (*chips, m, outputs)."""


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
        self._measured: Activations | None = None

    def __len__(self) -> int:
        return len(self._pick)

    @cached_property
    def x(self) -> Tensor:
        """Inputs of the network, shape (*chips, m, in_features)."""
        return self._samples.inputs(self._pick)

    def measure(self, measure: Callable[[Tensor], Activations] | None = None) -> Activations:
        """One pass of the batch through the network; later calls give the same measurement again.

        ``measure`` takes the place of the network's own.
        """
        if self._measured is None:
            self._measured = (measure or self._network.measure)(self.x)
        return self._measured

    @property
    def target(self) -> Target:
        """What is broadcast to every unit."""
        return self._samples.target(self._pick)

    @property
    def kept(self) -> Target:
        """What units should not lose."""
        return self._samples.kept(self._pick)

    @cached_property
    def contrast(self) -> Contrast:
        """Each sample with two actions or labels."""
        return self._samples.contrast(self._pick)

    def loss(self, outputs: Tensor) -> Tensor:
        """The loss that the readout minimises, shape (*chips), from its outputs for the batch, (*chips, m, outputs)."""
        return self._samples.loss(self._pick, outputs)

    def gradient(self, outputs: Tensor) -> Tensor:
        """Gradient of `loss` by the outputs for the batch, both of shape (*chips, m, outputs), in closed form."""
        return self._samples.gradient(self._pick, outputs)
