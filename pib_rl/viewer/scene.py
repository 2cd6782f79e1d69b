"""What a panel shows, as plain data, and a count of episodes: nothing here knows hardware or pixels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Heatmap:
    """Numbers that are shown as colours.

    Args:
        values: Shape (rows, columns), in ``unit``; nan is nothing.
        limit: Value at which colours end, > 0; they begin at -limit where ``signed``, else at 0.

    Raises:
        ValueError: If the limit is not positive.
    """

    title: str
    values: np.ndarray
    limit: float
    signed: bool
    unit: str

    def __post_init__(self) -> None:
        if not 0 < self.limit < math.inf:
            raise ValueError(f"limit must be a finite number > 0, got {self.limit}")


@dataclass(frozen=True)
class UnitView:
    """What one unit, or the readout, shows of one sample: a medium and the array behind it.

    ``drive`` is what the medium is driven with, shape (1, in), in drive standard deviations; ``medium`` what its
    detectors show; ``array`` the weights. A unit that is not ``alive`` has dead outputs.

    Of a patch unit ``drive`` is an image, its first channels side by side, and ``medium`` has an image for each of the
    first outputs, with a pixel for each square.
    """

    name: str
    drive: Heatmap
    medium: Heatmap
    array: Heatmap
    notes: tuple[str, ...] = ()
    alive: bool = True


@dataclass(frozen=True)
class Decision:
    """What the policy makes of the state.

    Args:
        value: Expected discounted return, in units of reward.
        probabilities: Of discrete actions, each 0..1.
        choices: Where an action is several whole numbers: for each of them, the probabilities of its values.
        first: The smallest value of each whole number; empty where they count from 0.
        means: Of continuous actions, in half ranges of the action.
        stds: Standard deviation of each, in the same unit.
        action: What the hardware does next: each whole number, counted from 0, or each continuous one in half ranges;
            empty where it is not known.
    """

    value: float
    probabilities: tuple[float, ...] = ()
    means: tuple[float, ...] = ()
    stds: tuple[float, ...] = ()
    action: tuple[float, ...] = ()
    choices: tuple[tuple[float, ...], ...] = ()
    first: tuple[int, ...] = ()


@dataclass(frozen=True)
class Learning:
    """How far a learner is: ``steps`` of ``total``, and mean returns of its latest episodes from time to time."""

    steps: int
    total: int
    rewards: tuple[float, ...] = ()
    at_work: bool = True
    name: str = "learning in place"


@dataclass(frozen=True)
class Overlay:
    """A table in front of everything, help or a menu; its rows are keys and what they do."""

    title: str
    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Status:
    """Where the play is; everything may be left out.

    Args:
        step: Environment steps played in all.
        episode: Number of the episode, from 1.
        reward: Return of this episode so far.
        returns: Returns of the episodes before.
        marks: Episodes (numbers from 1) in which something broke.
        tags: Short words: read mode, speed, paused.
        age_s: Simulated time that has passed for the chip, in seconds.
        message: What happened last.
    """

    title: str = ""
    step: int = 0
    episode: int = 1
    reward: float = 0.0
    returns: tuple[float, ...] = ()
    marks: tuple[int, ...] = ()
    tags: tuple[str, ...] = ()
    age_s: float = 0.0
    faults: tuple[str, ...] = ()
    message: str = ""
    learning: Learning | None = None
    overlay: Overlay | None = None


@dataclass(eq=False)
class Episodes:
    """Steps in all; return of the present episode, and whether it is over; returns of those that ended.

    ``marks`` are the numbers, from 1, of episodes in which something broke.
    """

    steps: int = 0
    reward: float = 0.0
    over: bool = False
    returns: list[float] = field(default_factory=list)
    marks: list[int] = field(default_factory=list)

    def start(self) -> None:
        """An episode begins."""
        self.reward, self.over = 0.0, False

    def count(self, reward: Any, over: bool) -> None:
        """Counts a step, with the reward that it brought and whether it ended the episode."""
        self.steps += 1
        self.reward += float(reward)
        self.over = over
        if over:
            self.returns.append(self.reward)

    def mark(self) -> None:
        """Something broke."""
        self.marks.append(len(self.returns) + 1)

    @property
    def episode(self) -> int:
        """Number of the episode that is to be seen, from 1; one that ended stays until the next begins."""
        return len(self.returns) + (not self.over)

    def place(self) -> dict[str, Any]:
        """Where the play is, as fields of `Status`."""
        earlier, marks = tuple(self.returns[: self.episode - 1]), tuple(self.marks)
        return {"step": self.steps, "episode": self.episode, "reward": self.reward, "returns": earlier, "marks": marks}


@dataclass(frozen=True)
class Scene:
    """All that a panel shows beside the frame of the task.

    ``units`` end with the last medium and the readout; ``energy`` is in joules so far, by part of the hardware;
    ``costs`` are lines of text.
    """

    units: tuple[UnitView, ...]
    decision: Decision | None = None
    energy: Mapping[str, float] = field(default_factory=dict)
    costs: tuple[str, ...] = ()
    status: Status = field(default_factory=Status)
