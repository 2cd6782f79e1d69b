"""The picture of a chip that is kept: accuracy over time, faults, actions, what it cost."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from pib_rl.envs.chip_keeper.config import ACTIONS
from pib_rl.envs.tasks.canvas import BLUE, FAINT, GREEN, INK, ORANGE, RED, Canvas
from pib_rl.physical.faults import Fault

LEFT, RIGHT, TOP, BOTTOM, STRIP = 52, 582, 58, 290, 306
COLOURS = dict(zip(ACTIONS[1:], (GREEN, ORANGE, RED), strict=True))
GREY = "#78909c"


@dataclass
class History:
    """What happened in an episode so far, period by period.

    Args:
        healthy: Accuracy of the chip when it was new.
        length: Periods of an episode.
    """

    healthy: float = 1.0
    length: int = 1
    actions: list[int] = field(default_factory=list)
    accuracies: list[float] = field(default_factory=list)
    estimates: list[float] = field(default_factory=list)
    faults: list[list[Fault]] = field(default_factory=list)
    rewards: list[float] = field(default_factory=list)

    def add(self, action: int, accuracy: float, estimate: float, faults: list[Fault], reward: float) -> None:
        """Takes note of a period."""
        self.actions.append(action)
        self.accuracies.append(accuracy)
        self.estimates.append(estimate)
        self.faults.append(faults)
        self.rewards.append(reward)

    def x(self, period: float) -> float:
        """Pixel of a period in the picture."""
        return LEFT + (RIGHT - LEFT) * period / self.length


def height(accuracy: float) -> float:
    """Pixel of an accuracy in the picture."""
    return BOTTOM - (BOTTOM - TOP) * accuracy


def ticks(length: int) -> list[int]:
    """Periods that are named below the picture: the whole ones next to the quarters of an episode, each once."""
    return sorted({round(share * length) for share in (0, 0.25, 0.5, 0.75, 1)})


def paint(history: History) -> np.ndarray:
    """The picture, shape (400, 600, 3), uint8."""
    canvas = Canvas(600, 400)
    _frame(canvas, history)
    for name, values, colour, width in (
        ("served", history.accuracies, BLUE, 1.2),
        ("estimated", history.estimates, ORANGE, 2.0),
    ):
        canvas.line([(history.x(n), height(value)) for n, value in enumerate(values, 1)], colour, width)
        if len(values) == 1:  # a line needs two points; the one that is drawn later leaves a ring of the other
            canvas.dot((history.x(1), height(values[0])), 5.5 - width, colour)
        at = LEFT + (95 if name == "estimated" else 10)
        canvas.line([(at, BOTTOM - 12), (at + 18, BOTTOM - 12)], colour, 2)
        canvas.text((at + 24, BOTTOM - 12), name, 11, colour)
    for number, faults in enumerate(history.faults, 1):
        for row, _ in enumerate(faults):
            canvas.triangle((history.x(number), TOP - 2 - 9 * row), 9, RED)
    step = history.x(1) - history.x(0)
    for number, action in enumerate(history.actions):
        if action:
            canvas.box((history.x(number), STRIP), (max(step, 2), 22), COLOURS[ACTIONS[action]])
    _words(canvas, history)
    return canvas.array()


def _frame(canvas: Canvas, history: History) -> None:
    for share in (0, 0.25, 0.5, 0.75, 1):
        canvas.line([(LEFT, height(share)), (RIGHT, height(share))], FAINT)
        canvas.text((LEFT - 8, height(share)), f"{100 * share:.0f} %", 11, GREY, "rm")
    for dash in range(LEFT, RIGHT, 12):
        canvas.line([(dash, height(history.healthy)), (dash + 5, height(history.healthy))], GREEN, 1.5)
    canvas.box((LEFT, STRIP), (RIGHT - LEFT, 22), "#eceff1")
    for period in ticks(history.length):
        canvas.text((history.x(period), STRIP + 33), str(period), 11, GREY, "mm")


def _words(canvas: Canvas, history: History) -> None:
    done = len(history.actions)
    last = next((str(faults[-1]) for faults in reversed(history.faults) if faults), "none")
    canvas.text((LEFT, 18), f"period {done} of {history.length}", 14, INK)
    canvas.text((RIGHT, 18), f"return {sum(history.rewards):.1f}", 14, INK, "rm")
    canvas.text((LEFT + 150, 18), f"last fault {last.split(':')[0]}", 12, RED)
    for number, (name, colour) in enumerate(COLOURS.items()):
        at = LEFT + 178 * number
        canvas.box((at, 366), (14, 14), colour)
        canvas.text((at + 22, 373), f"{name}  {history.actions.count(ACTIONS.index(name))}", 13, INK)
