"""The picture of an episode of `ChipKeeper`: accuracy over time, faults, actions."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from pib_rl.common import palette
from pib_rl.envs.chip_keeper.config import ACTIONS
from pib_rl.physical.faults import Fault

LEFT, RIGHT, TOP, BOTTOM = 100, 560, 58, 290
ROW, ROWS = 14, 306  # height of the row of an action, and top of the first one
COLOURS = dict(zip(ACTIONS[1:], (palette.GREEN, palette.AMBER, palette.RED), strict=True))
QUARTERS = (0, 0.25, 0.5, 0.75, 1)


@dataclass
class History:
    """What happened in an episode of ``length`` periods so far; ``healthy`` is the accuracy of the new chip."""

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


def row_of(action: str) -> int:
    """Top of the row in which an action is marked, a pixel of the picture."""
    return ROWS + (ROW + 6) * (ACTIONS.index(action) - 1)


def ticks(length: int) -> list[int]:
    """Periods that are named below the picture: the whole ones next to the quarters of an episode, each once."""
    return sorted({round(quarter * length) for quarter in QUARTERS})


def draw_episode(history: History) -> np.ndarray:
    """The picture, shape (400, 600, 3), uint8."""
    from pib_rl.viewer import Canvas, colours

    canvas, dark, grey, healthy = Canvas((600, 400)), colours.INK, colours.GREY, height(history.healthy)
    done, faults = len(history.actions), [fault for period in history.faults for fault in period]
    canvas.text(f"period {done} of {history.length}", LEFT, 10)
    canvas.text(f"return {sum(history.rewards):.1f}", RIGHT, 10, align="right")
    canvas.text(f"last fault {faults[-1].kind if faults else 'none'}", LEFT + 170, 11, 12, colours.RED)
    for quarter in QUARTERS:
        canvas.line([(LEFT, height(quarter)), (RIGHT, height(quarter))], colours.FAINT, 1)
        canvas.text(f"{100 * quarter:.0f} %", LEFT - 8, height(quarter) - 7, 11, grey, align="right")
    for dash in range(LEFT, RIGHT, 12):
        canvas.line([(dash, healthy), (dash + 5, healthy)], colours.GREEN)
    for at, name, values, colour, width in (
        (LEFT + 10, "served", history.accuracies, colours.BLUE, 1),
        (LEFT + 95, "estimated", history.estimates, colours.AMBER, 2),
    ):
        canvas.line([(history.x(n), height(value)) for n, value in enumerate(values, 1)], colour, width)
        if len(values) == 1:  # a line needs two points
            canvas.fill((history.x(1) - 4, height(values[0]) - 4, 8, 8), colour)
        canvas.line([(at, BOTTOM - 12), (at + 18, BOTTOM - 12)], colour, 2 * width)
        canvas.text(name, at + 24, BOTTOM - 19, 11, colour)
    for number, found in enumerate(history.faults, 1):
        for row, _ in enumerate(found):
            canvas.triangle(history.x(number), TOP - 2 - 9 * row, 9, colours.RED)
    step = max(history.x(1) - history.x(0), 2)
    for action, css in COLOURS.items():
        top = row_of(action)
        canvas.text(action, LEFT - 8, top, 12, dark, align="right")
        canvas.text(str(history.actions.count(ACTIONS.index(action))), RIGHT + 8, top, 12, dark)
        canvas.fill((LEFT, top, RIGHT - LEFT, ROW), colours.GROUND)
        for number, taken in enumerate(history.actions):
            if ACTIONS[taken] == action:
                canvas.fill((history.x(number), top, step, ROW), colours.rgb(css))
    for period in ticks(history.length):
        canvas.text(str(period), history.x(period), row_of(ACTIONS[-1]) + ROW + 6, 11, grey, align="centre")
    return canvas.array()
