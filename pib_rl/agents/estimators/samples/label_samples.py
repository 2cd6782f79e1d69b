"""Labelled data as samples for units and readout: classes, or real values."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from pib_rl.agents.estimators.samples.views import Views
from pib_rl.agents.learners.samples import Contrast, Samples
from pib_rl.agents.network.model import PhysicalModel
from pib_rl.agents.objectives.gram import TINY
from pib_rl.agents.objectives.target import Target
from pib_rl.common.streams import LEARNING


class LabelledSamples(Samples):
    """Inputs with the outputs that the readout should give.

    All chips of a wafer get the same samples, in the same order and with the same views; outputs of the readout, and
    what follows from them, have a leading axis of chips.

    Args:
        model: What learns from them.
        x: Raw inputs, shape (n, in_features).
        y: Labels, length n.
        views: Changes that leave what a sample is: every time a sample is picked, learning sees a new view of it
            (augmentation). None for the samples as they are.

    Attributes:
        weight: How often each sample counts in learning, shape (n,), above 0; None for all alike.
    """

    def __init__(self, model: PhysicalModel, x: Tensor, y: Tensor, views: Views | None = None) -> None:
        self.model = model
        self.x = x
        self.y = y
        self.views = views
        self.weight: Tensor | None = None

    def __len__(self) -> int:
        return len(self.x)

    def inputs(self, pick: Tensor) -> Tensor:
        return self.model.inputs(self.raw(pick))

    def raw(self, pick: Tensor) -> Tensor:
        """Raw inputs as learning sees them, shape (m, in_features)."""
        return self.x[pick] if self.views is None else self.views(self.x[pick], self.model.streams)

    def contrast(self, pick: Tensor) -> Contrast:
        """Samples with their own label and with another one, each relative to the mean over both."""
        right = self.encode(self.y[pick])
        wrong = self.encode(self.others(self.y[pick]))
        middle = (right.mean(0) + wrong.mean(0)) / 2
        x = self.raw(pick)
        return Contrast(
            self.model.inputs(x, right - middle), self.model.inputs(x, wrong - middle), right.new_ones(len(x))
        )

    @abstractmethod
    def encode(self, y: Tensor) -> Tensor:
        """Labels as inputs of the network, shape (m, outputs), numbers of the order of 1."""

    @abstractmethod
    def others(self, y: Tensor) -> Tensor:
        """Labels that are not those, drawn at random."""

    @abstractmethod
    def score(self, pick: Tensor, outputs: Tensor) -> Tensor:
        """How right the outputs are, at most 1, shape (*chips): accuracy, or explained variance."""


class ClassSamples(LabelledSamples):
    """y: numbers of classes, shape (n,); the loss is the cross-entropy of the softmax of the outputs, in nats."""

    def target(self, pick: Tensor) -> Target:
        return Target(self.encode(self.y[pick]), classes=True)

    def loss(self, pick: Tensor, outputs: Tensor) -> Tensor:
        labels = self.y[pick].expand(outputs.shape[:-1]).unsqueeze(-1)
        return -outputs.log_softmax(-1).gather(-1, labels).squeeze(-1).mean(-1)

    def score(self, pick: Tensor, outputs: Tensor) -> Tensor:
        return (outputs.argmax(-1) == self.y[pick]).float().mean(-1)

    def gradient(self, pick: Tensor, outputs: Tensor) -> Tensor:
        return (outputs.softmax(-1) - self.encode(self.y[pick])) / len(pick)

    def encode(self, y: Tensor) -> Tensor:
        return one_hot(y, self._classes).float()

    def others(self, y: Tensor) -> Tensor:
        generator = self.model.streams.generator(LEARNING, y.device)
        step = torch.randint(1, self._classes, y.shape, generator=generator, device=y.device)
        return (y + step) % self._classes

    @property
    def _classes(self) -> int:
        return self.model.readout.array.out_features


class ValueSamples(LabelledSamples):
    """y: real values, standardised, shape (n, k); the loss is half the mean squared error, summed over k."""

    def wanted(self, pick: Tensor) -> Tensor:
        """What the readout should give, shape (outputs of a batch, k), or (*chips, outputs of a batch, k)."""
        return self.y[pick]

    def target(self, pick: Tensor) -> Target:
        return Target(self.wanted(pick))

    def loss(self, pick: Tensor, outputs: Tensor) -> Tensor:
        return 0.5 * (outputs - self.wanted(pick)).square().sum(-1).mean(-1)

    def score(self, pick: Tensor, outputs: Tensor) -> Tensor:
        return explained_variance(outputs, self.wanted(pick))

    def gradient(self, pick: Tensor, outputs: Tensor) -> Tensor:
        return (outputs - self.wanted(pick)) / outputs.shape[-2]

    def encode(self, y: Tensor) -> Tensor:
        return y

    def others(self, y: Tensor) -> Tensor:
        order = torch.randperm(len(y), generator=self.model.streams.generator(LEARNING, y.device), device=y.device)
        return y[order]


def explained_variance(outputs: Tensor, wanted: Tensor) -> Tensor:
    """Explained variance, at most 1; 0 if nothing varies.

    Args:
        outputs: Shape (*chips, n, k).
        wanted: What they should be, of the same shape, or (n, k) for the same on all chips.

    Returns:
        Shape (*chips).
    """
    variance = (wanted - wanted.mean(-2, keepdim=True)).square().mean((-2, -1))
    error = (outputs - wanted).square().mean((-2, -1))
    return torch.where(variance > TINY, 1 - error / variance.clamp(min=TINY), 0.0)
