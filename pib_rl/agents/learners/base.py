"""How hidden arrays learn: the one thing in which PIB and every other learner differ."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from pib_rl.agents.learners.config import HiddenConfig
from pib_rl.agents.learners.samples import Batch
from pib_rl.agents.network.model import PhysicalModel
from pib_rl.agents.network.network import Activations


@dataclass(frozen=True)
class NoOptions:
    """No settings beyond those of the rule."""


class Learner:
    """Trains the hidden arrays; something else trains the readout.

    A learner overrides `update`, which gets batches of samples, or `on_readout_batch`, which gets what every step of
    the readout measured, or neither (frozen units). A new one is one file and one line in
    `pib_rl.agents.learners.registry.LEARNERS`.

    Args:
        model: Network and readout.
        config: Settings of hidden arrays.
        options: Settings of the learner's own, an instance of its ``Options``.

    Attributes:
        updates: Whether it has an `update`.
        moves_outputs: Whether `update` changes the readout's outputs as a side effect, so that the readout has to be
            re-fit to its old ones.
        uses_readout_batches: Whether it has an `on_readout_batch`.
        target_inputs: Whether the network needs inputs for actions or labels.
        holds_out: Whether it wants some samples of a rollout held out, for `begin` and `finish`.
        wafers: Whether it trains all chips of a wafer at once.
        own_loop: Whether it trains the readout too, in a loop of its own (`pib_rl.agents.make_agent`).
        defaults: Settings of the reinforcement rule that it starts from, where they differ from those of `RuleConfig`.
        memory: What it remembers outside of the model, saved with it.
        rollouts: How many the training has; infinite where nobody knows.
    """

    Options: ClassVar[type] = NoOptions
    updates: ClassVar[bool] = False
    moves_outputs: ClassVar[bool] = False
    uses_readout_batches: ClassVar[bool] = False
    target_inputs: ClassVar[bool] = False
    holds_out: ClassVar[bool] = False
    wafers: ClassVar[bool] = False
    own_loop: ClassVar[bool] = False
    defaults: ClassVar[dict[str, Any]] = {}

    def __init__(self, model: PhysicalModel, config: HiddenConfig, options: Any = None) -> None:
        if model.streams.chips and not self.wafers:
            raise ValueError(
                f"{type(self).__name__} trains one chip at a time, got {model.chip.chips} chips; take a learner that "
                "trains a wafer (pib, local-td, frozen), or leave chips out"
            )
        self.model = model
        self.config = config
        self.options = self.Options() if options is None else options
        self.memory = nn.ModuleDict()
        self.rollouts = math.inf

    def rate_left(self, progress: float) -> float:
        """Fraction of the rates of hidden arrays that is left after the fraction ``progress`` of the training."""
        return self.config.rate_left(progress, self.rollouts)

    def forget(self, broken: Tensor) -> None:
        """What was remembered of the ``broken`` chips, truth values of shape (*chips), holds no longer."""
        for unit in self.model.network.chain:
            unit.objective.forget(broken)

    def update(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Learns from a batch when the fraction ``progress`` of the training is done; numbers per chip for the log."""
        return {}

    def metrics(self) -> Callable[[], dict[str, Tensor]]:
        """Asks for numbers for the log that `update` did not give since they were not known yet: those since the last.

        Returns:
            What waits for them and gives them; later it waits for less.
        """
        return dict

    def begin(self, held: Batch) -> None:
        """Comes before the batches of a rollout; ``held`` are samples of it that are in none of them."""

    def finish(self, held: Batch) -> dict[str, Tensor]:
        """Comes after the batches of a rollout, with the samples of `begin` to measure again; numbers for the log."""
        return {}

    def remember(self, batch: Batch) -> None:
        """Takes note of samples that the learner had its batches from; comes after all of these, once per sample."""

    def on_readout_batch(self, measured: Activations, gradient: Tensor, progress: float) -> None:
        """Learns from one batch of the readout.

        Args:
            measured: What was measured for the batch of n samples just now.
            gradient: Gradient of the readout's loss by its outputs, shape (*chips, n, outputs).
            progress: Fraction of the training done, 0..1.
        """

    def on_readout_step(self, change: Tensor) -> None:
        """Gets the change of weights that the readout asked for just now, shape (*chips, outputs, tap_features + 1)."""
