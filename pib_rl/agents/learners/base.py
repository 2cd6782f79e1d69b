"""How hidden arrays learn: the one thing in which PIB and its rivals differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor, nn

from pib_rl.agents.learners.config import HiddenConfig
from pib_rl.agents.learners.samples import Batch
from pib_rl.agents.network.network import Activations, Network
from pib_rl.agents.network.readout import Readout
from pib_rl.common.streams import Streams


class Trainee(Protocol):
    """What a learner trains: units and a readout on hardware, a policy's or a classifier's."""

    network: Network
    readout: Readout
    streams: Streams

    @property
    def device(self) -> torch.device:
        """Where the buffers live."""

    @property
    def target_input_features(self) -> int:
        """How many of the network's inputs, the last ones, are for an answer; 0 for none."""


@dataclass(frozen=True)
class NoOptions:
    """Nothing to set beside the settings of the rule."""


class Learner:
    """Trains the hidden arrays; the readout is not its business.

    A learner overrides `study`, which runs with batches of its own, or `follow`, which runs with every step of the
    readout, or neither (frozen units).

    Args:
        model: Network and readout.
        config: Settings of hidden arrays.
        options: Settings of the learner's own, an instance of its ``Options``.

    Attributes:
        studies: Whether `study` wants to be called.
        moves: Whether `study` moves the units in ways that the readout has to be re-fit to.
        follows: Whether `follow` wants to be called.
        target_inputs: Whether the network needs inputs for answers (actions, labels) beside its own.
        alone: Whether it trains the readout too, in a loop of its own (`pib_rl.agents.make_agent`).
        defaults: Settings of the reinforcement rule that it starts from, where they differ from those of `RuleConfig`.
        memory: What it remembers beside the model, saved with it.
    """

    Options: ClassVar[type] = NoOptions
    studies: ClassVar[bool] = False
    moves: ClassVar[bool] = False
    follows: ClassVar[bool] = False
    target_inputs: ClassVar[bool] = False
    alone: ClassVar[bool] = False
    defaults: ClassVar[dict[str, Any]] = {}

    def __init__(self, model: Trainee, config: HiddenConfig, options: Any = None) -> None:
        self.model = model
        self.config = config
        self.options = self.Options() if options is None else options
        self.memory = nn.ModuleDict()

    def study(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Learns from one batch.

        Args:
            batch: Samples.
            progress: Share of the training done, 0..1.

        Returns:
            Figures for the log, scalars.
        """
        return {}

    def follow(self, seen: Activations, gradient: Tensor, progress: float) -> None:
        """Learns from one batch of the readout.

        Args:
            seen: What was measured for the batch of n samples just now.
            gradient: Gradient of the readout's loss by its outputs, shape (n, outputs).
            progress: Share of the training done, 0..1.
        """

    def heard(self, change: Tensor) -> None:
        """Hears what change of its weights the readout asked for just now, shape (outputs, tap_features + 1)."""


class PIBLearner(Learner):
    """PIB: every unit takes steps on its own information objective, all units at once."""

    studies = True
    moves = True

    def study(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        config, share = self.config, self.config.share(progress)
        scores = self.model.network.learn(
            batch.seen,
            batch.target,
            config.hidden_rate * share,
            config.track * share,
            config.plastic,
            config.output_rms,
        )
        return {f"loss_unit{unit}": score.loss for unit, score in enumerate(scores, 1)}
