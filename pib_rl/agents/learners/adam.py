"""What most learners share: plain Adam on every hidden array, fed with gradients that each finds in its own way."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from torch import Tensor, nn

from pib_rl.agents.learners.base import Learner
from pib_rl.agents.learners.config import HiddenConfig
from pib_rl.agents.network.model import PhysicalModel
from pib_rl.agents.network.network import Activations
from pib_rl.agents.network.optimisers import Adam


class AdamLearner(Learner):
    """A learner with plain Adam on every hidden array, at the rate ``hidden_rate`` (1 - progress)^hidden_decay.

    An array of n > 64 inputs takes 64/n of it, and one of squares the fraction ``patch_rate``, as PIB's do.
    """

    def __init__(self, model: PhysicalModel, config: HiddenConfig, options: Any = None) -> None:
        super().__init__(model, config, options)
        arrays = [unit.array for unit in model.network.chain]
        shapes = [(*model.streams.chips, array.out_features, array.in_features) for array in arrays]
        self.adams = [Adam(shape).to(model.device) for shape in shapes]
        self.memory["adams"] = nn.ModuleList(self.adams)

    def steps(self, gradients: list[Tensor], progress: float) -> list[Tensor]:
        """Wanted changes of all hidden arrays from gradients by their weights, each of shape (out, in)."""
        rate = self.config.hidden_rate * self.rate_left(progress)
        own = [unit.own_rate(rate, self.config.patch_rate) for unit in self.model.network.chain]
        return [adam.step(gradient, rate) for adam, gradient, rate in zip(self.adams, gradients, own, strict=True)]


class GradientLearner(AdamLearner):
    """Steps with every batch of the readout along an estimate of dL/dz, L the readout's own loss.

    dW = (dL/dz)^T h with h as measured; the subclasses differ in how the gradient by the readout's outputs reaches z.
    The gain controls track the same batch.
    """

    uses_readout_batches = True

    @abstractmethod
    def hidden_gradients(self, measured: Activations, gradient: Tensor, progress: float) -> list[Tensor]:
        """Estimates dL/dz of every unit, shape (n, width) each; arguments as in `on_readout_batch`."""

    def on_readout_batch(self, measured: Activations, gradient: Tensor, progress: float) -> None:
        slopes = self.hidden_gradients(measured, gradient, progress)
        chain = self.model.network.chain
        gradients = [unit.outer(slope, h) for unit, slope, h in zip(chain, slopes, measured.h, strict=True)]
        changes = self.steps(gradients, progress)
        track = self.config.track * self.rate_left(progress)
        for unit, change, z in zip(chain, changes, measured.z, strict=True):
            unit.array.program(change)
            unit.control.track(z, track)
        self.on_hidden_step(changes)

    def on_hidden_step(self, changes: list[Tensor]) -> None:
        """Gets the changes of the hidden arrays that were asked for just now."""
