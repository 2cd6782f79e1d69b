"""What a target of `python -m pib_rl.learn` is: how it holds out samples, makes an estimator, and evaluates it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, NamedTuple, TypeVar

import numpy as np
import torch

from pib_rl.agents.estimators.base import PhysicalEstimator
from pib_rl.agents.network.information import information_plane
from pib_rl.cli.cli import UserError
from pib_rl.common.streams import EVALUATION, Streams
from pib_rl.learning.config import LearnConfig
from pib_rl.learning.data import Data
from pib_rl.physical.substrate import Read
from pib_rl.runs.folder import RunFolder
from pib_rl.runs.result import RunResult, describe

E = TypeVar("E", bound=PhysicalEstimator)

VALIDATION, MOST = 0.1, 5000  # share of the training samples that are held out to look at, and how many at most
PLANE = 512  # samples of the information plane
JUDGED = 8  # chips of a wafer, at most, whose features are judged one after the other


class Split(NamedTuple):
    """Samples, shape (n, features); their labels, shape (n,), and what they looked like a moment later, if known."""

    x: np.ndarray
    y: np.ndarray | None
    other: np.ndarray | None = None

    def take(self, pick: np.ndarray | slice) -> Split:
        """Some of them."""
        y, other = (None if known is None else known[pick] for known in (self.y, self.other))
        return Split(self.x[pick], y, other)


class FinalScores(NamedTuple):
    """What a trained network reached.

    Args:
        each: Scores of each chip, shape (chips,), by the names that their means have in the result; the first one is
            what chips are judged by.
        others: Other fields of the result.
    """

    each: dict[str, np.ndarray]
    others: dict[str, Any]

    def fields(self) -> dict[str, Any]:
        """Fields of the result, scores as means over chips."""
        return {name: float(scores.mean()) for name, scores in self.each.items()} | self.others


class LearningTask(ABC):
    """What `learn` learns from: one value of ``--target``.

    Args:
        config: The run.

    Attributes:
        kind: The estimator's class.
        validated: What `validate` gives, as a column of progress.csv.
        scored: The same as a label of a figure.
        shown: Fields of the result that the table shows, in order.
    """

    kind: ClassVar[type[PhysicalEstimator]]
    validated: ClassVar[str]
    scored: ClassVar[str]
    shown: ClassVar[tuple[str, ...]]

    def __init__(self, config: LearnConfig) -> None:
        self.config = config

    def build(self, image: tuple[int, ...] | None) -> PhysicalEstimator:
        """The estimator of the configuration, not fitted.

        Raises:
            ValueError: If there is no image for patches.
        """
        config = self.config
        if config.patches and image is None:
            raise ValueError("--patches needs images, and these data are vectors; leave it out")
        given: dict[str, Any] = {"objective": config.objective, "width": config.width, "batch_size": config.batch_size}
        given = {name: value for name, value in given.items() if value is not None}
        return self.kind(
            hw=config.hw,
            units=config.units,
            epochs=config.epochs,
            learner=config.learner,
            hw_options=config.hw_options,
            objective_options=config.objective_options,
            rule=config.rule,
            views=config.views or None,
            scaling="common" if image else "feature",
            image=image,
            patches=config.squares(),
            read=Read.NOISY.value,
            seed=config.seed,
            device=config.device,
            verbose=config.progress,
            warm_start=True,
            faults=config.fault,
            clock=config.clock,
            chips=config.chips,
            **given,
        )

    @abstractmethod
    def broadcast(self, part: Split) -> dict[str, Any]:
        """What the estimator is given beside the samples, as arguments by name."""

    @abstractmethod
    def hold_out(self, data: Data) -> tuple[Split, Split]:
        """Samples to learn from, and validation samples to look at meanwhile."""

    def validate(self, model: PhysicalEstimator, held: Split) -> np.ndarray:
        """How good each chip is on the validation samples, at most 1, shape (chips,)."""
        return model.chip_scores(held.x, **self.broadcast(held))

    @abstractmethod
    def evaluate(self, data: Data, model: Any, fitted: Split, folder: RunFolder) -> FinalScores:
        """Fields of the result, from test samples, which are touched here and nowhere else; their pictures.

        Of a wafer, scores of features are means over `JUDGED` of its chips, and the pictures are those of the first.
        """

    @classmethod
    def table(cls, result: RunResult) -> tuple[list[str], list[list[str]]]:
        """Columns and rows of the table that people see."""
        return ["test samples", ""], [[describe(name)["help"], result.text(name)] for name in cls.shown]

    def evaluate_heldout(
        self, model: PhysicalEstimator, held: Split, note: Callable[[np.ndarray], None] = lambda scores: None
    ) -> dict[str, float]:
        """`validate`, and each unit's place in the information plane, means over chips; not counted, drawn aside.

        ``note`` gets what `validate` gives.
        """
        network = model.model_
        with network.streams.aside("evaluation"), network.meter.paused():
            scores = self.validate(model, held)
            note(scores)
            found = {self.validated: float(scores.mean())}
            first = held.take(slice(PLANE))
            samples = model.samples(first.x, **self.broadcast(first))
            pick = torch.arange(len(samples), device=model.device)
            with torch.inference_mode():
                inputs = samples.inputs(pick)
                plane = information_plane(inputs, network.network.measure(inputs), samples.target(pick))
        for unit, point in enumerate(plane, 1):
            found[f"information/input_unit{unit}"] = point.on_input
            found[f"information/target_unit{unit}"] = point.on_target
        return found

    @property
    def draws(self) -> int:
        """Seed of what is drawn to evaluate."""
        return Streams(self.config.seed).integer(EVALUATION)

    @property
    def split_seed(self) -> int:
        """Seed of the choice of validation samples."""
        return Streams(self.config.seed).integer("split")


def judged_chips(model: E) -> Iterator[E]:
    """Estimators of the chips whose features are judged: the first one, and `JUDGED` in all, evenly over the wafer."""
    chips = model.model_.chip.chips
    for chip in np.linspace(0, chips - 1, min(chips, JUDGED)).round().astype(int).tolist():
        yield model.of_chip(chip)


def mean_scores(found: list[dict[str, float]]) -> dict[str, float]:
    """Means of the same scores of several chips."""
    return {name: float(np.mean([one[name] for one in found])) for name in found[0]}


def held_count(samples: int, least: int) -> int:
    """How many of the training samples are held out.

    Raises:
        UserError: If nothing is left to learn from.
    """
    if samples < least + 2:
        raise UserError(f"{samples} training samples are too few; give {least + 2} or more")
    return max(least, min(MOST, int(VALIDATION * samples)))
