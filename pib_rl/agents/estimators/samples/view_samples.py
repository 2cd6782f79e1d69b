"""Unlabelled data as samples: units learn which views are of one sample, the readout what that looked like."""

from __future__ import annotations

import torch
from torch import Tensor

from pib_rl.agents.estimators.samples.label_samples import ValueSamples
from pib_rl.agents.estimators.samples.views import Views
from pib_rl.agents.learners.samples import Contrast
from pib_rl.agents.network.model import PhysicalModel
from pib_rl.agents.objectives.target import Target
from pib_rl.common.streams import LEARNING

COUNT = 2  # views of a sample in a batch


class ViewSamples(ValueSamples):
    """Two views of every sample that is picked, first the one of all m, then the other: 2 m inputs of each chip.

    The target of the units is the identity of the sample. The readout learns the sample itself, standardised: with
    the views' changes taken back, as in a denoising autoencoder. Learners that need a loss take that of the decoder;
    PIB's units need none.

    Source: identity of views as target: van den Oord et al., arXiv 1807.03748 (in time); Chen et al., arXiv 2002.05709
    (of changed images).

    Args:
        model: What learns from them; it has an output per input.
        x: Raw inputs, shape (n, in_features).
        views: Changes that leave what a sample is.
        other: What each sample looked like at another time, of the shape of x; the second view is one of that.
    """

    def __init__(self, model: PhysicalModel, x: Tensor, views: Views, other: Tensor | None = None) -> None:
        super().__init__(model, x, x, views)
        self.views: Views = views
        self.other = x if other is None else other

    def target(self, pick: Tensor) -> Target:
        return Target(torch.eye(len(pick), device=pick.device, dtype=torch.float32).repeat(COUNT, 1), classes=True)

    def wanted(self, pick: Tensor) -> Tensor:
        clean: Tensor = self.model.normaliser(self.x[pick])
        return torch.cat([clean] * COUNT, -2)

    def contrast(self, pick: Tensor) -> Contrast:
        """Views with the sample that they are of, and with another one."""
        x, right = self.raw(pick), self.wanted(pick)
        wrong = right.roll(self._step(len(pick)), 0)
        return Contrast(self.model.inputs(x, right), self.model.inputs(x, wrong), right.new_ones(len(x)))

    def _step(self, n: int) -> int:
        """How far to go from a sample to another one of n, at random; 2 n rows hold each of them twice."""
        generator = self.model.streams.generator(LEARNING, self.x.device)
        return int(torch.randint(1, max(n, 2), (), generator=generator, device=self.x.device))

    def raw(self, pick: Tensor) -> Tensor:
        """Raw views, shape (2 m, in_features)."""
        return self.views(torch.cat([self.x[pick], self.other[pick]]), self.model.streams)
