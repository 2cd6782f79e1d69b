"""Draws what the policy makes of the state, and how the episodes went."""

from __future__ import annotations

import pygame

from pib_rl.viewer import colours
from pib_rl.viewer.draw import Pen, number
from pib_rl.viewer.scene import Decision, Learning, Status

ACTIONS, EPISODES = 6, 40  # that there is room for


def paint_decision(pen: Pen, rect: pygame.Rect, decision: Decision | None) -> None:
    """Probabilities of actions, or their means and deviations; what the hardware does; and the value."""
    pen.card(rect)
    left, top = rect.left + pen.px(10), rect.top + pen.px(8)
    pen.text("decision", left, top, 16, bold=True)
    if decision is None:
        return
    pen.text(f"value {number(decision.value, '.3g')}", rect.right - pen.px(10), top, 16, align="right")
    values = decision.probabilities or decision.means
    room = pygame.Rect(left, top + pen.px(26), rect.width - pen.px(20), rect.bottom - top - pen.px(34))
    taken = int(decision.action[0]) if decision.probabilities and decision.action else None
    seen = rows(len(values), taken)
    row = room.height / max(1, min(len(values), ACTIONS))
    lines = [pygame.Rect(room.left, round(room.top + place * row), room.width, round(row)) for place in range(ACTIONS)]
    for line, index in zip(lines, seen, strict=False):
        if decision.probabilities:
            _probability(pen, line, f"action {index}", values[index], index == taken)
        else:
            _mean(pen, line, decision, index)
    if len(seen) < len(values):
        pen.text(f"({len(values) - len(seen)} more)", room.left, lines[-1].centery - pen.px(9), 14)


def rows(count: int, taken: int | None) -> list[int]:
    """The actions that there is room for: the first ones, and the one that is taken."""
    if count <= ACTIONS:
        return list(range(count))
    first = list(range(ACTIONS - 1))
    return first if taken is None or taken in first else [*first[:-1], taken]


def _bar(pen: Pen, line: pygame.Rect, told: str) -> pygame.Rect:
    """Where the bar of a line is: names have their room left of it, numbers right."""
    high = min(pen.px(18), max(pen.px(5), round(line.height * 0.6)))
    right = max(pen.px(90), pen.width(told, 14) + pen.px(12))
    return pygame.Rect(line.left + pen.px(80), line.centery - high // 2, line.width - pen.px(80) - right, high)


def _probability(pen: Pen, line: pygame.Rect, name: str, value: float, taken: bool) -> None:
    told = f"{100 * value:.0f} %"
    bar = _bar(pen, line, told)
    pen.text(name, line.left, line.centery - pen.px(9), 14, bold=taken)
    pen.fill(bar, colours.PAPER)
    pen.fill(
        pygame.Rect(bar.left, bar.top, round(bar.width * value), bar.height), colours.BLUE if taken else colours.SKY
    )
    pen.text(told, line.right, line.centery - pen.px(9), 14, align="right", bold=taken)


def _mean(pen: Pen, line: pygame.Rect, decision: Decision, index: int) -> None:
    """One deviation around the mean; a line across where the hardware takes another action than the mean."""
    mean, deviation = decision.means[index], decision.deviations[index]
    told = f"{number(mean, '+.2f')} ± {deviation:.2f}"
    widest = max(
        (f"{value:+.2f} ± {size:.2f}" for value, size in zip(decision.means, decision.deviations, strict=True)), key=len
    )
    bar = _bar(pen, line, widest)
    pen.text(f"action {index}", line.left, line.centery - pen.px(9), 14)
    pen.fill(bar, colours.PAPER)

    def at(value: float) -> int:
        return round(bar.left + bar.width * (min(1.0, max(-1.0, value)) + 1) / 2)

    pen.fill(
        pygame.Rect(at(mean - deviation), bar.top, max(1, at(mean + deviation) - at(mean - deviation)), bar.height),
        colours.SKY,
    )
    pen.fill(pygame.Rect(at(mean) - pen.px(2), bar.top - pen.px(2), pen.px(4), bar.height + pen.px(4)), colours.BLUE)
    if decision.action and abs(at(decision.action[index]) - at(mean)) > 1:
        pen.fill(
            pygame.Rect(at(decision.action[index]) - pen.px(1), bar.top - pen.px(2), pen.px(2), bar.height + pen.px(4)),
            colours.INK,
        )
    pen.text(told, line.right, line.centery - pen.px(9), 14, align="right")


def paint_history(pen: Pen, rect: pygame.Rect, status: Status) -> None:
    """Returns of the latest episodes as bars, the one at play lighter; beside them the learner, if there is one."""
    pen.card(rect)
    learning = status.learning
    wide = rect.width if learning is None else round(rect.width * 0.55)
    _returns(pen, pygame.Rect(rect.left, rect.top, wide, rect.height), status)
    if learning is not None:
        _learner(pen, pygame.Rect(rect.left + wide, rect.top, rect.width - wide, rect.height), learning)


def _returns(pen: Pen, rect: pygame.Rect, status: Status) -> None:
    pen.text(
        "return of episodes", rect.left + pen.px(10), rect.top + pen.px(8), 16, bold=True, width=rect.width - pen.px(20)
    )
    values = [*status.returns, status.reward][-EPISODES:]
    first = len(status.returns) + 1 - len(values) + 1
    low, high = min(0.0, *values), max(0.0, *values)
    size = (high - low) or 1.0
    room = pygame.Rect(rect.left + pen.px(58), rect.top + pen.px(46), rect.width - pen.px(68), rect.height - pen.px(58))
    for value in {low, high}:
        y = room.bottom - (value - low) / size * room.height
        pen.text(
            number(value, ".3g"),
            room.left - pen.px(8),
            y - pen.px(8),
            13,
            colours.MUTED,
            align="right",
            width=pen.px(46),
            least=9,
        )
    zero = room.bottom + low / size * room.height
    step = room.width / max(12, len(values))
    for index, value in enumerate(values):
        x, y = room.left + index * step, room.bottom - (value - low) / size * room.height
        bar = pygame.Rect(round(x), round(min(y, zero)), max(1, round(step * 0.75)), max(1, round(abs(y - zero))))
        pen.fill(bar, colours.SKY if index == len(values) - 1 else colours.BLUE)
        if first + index in status.marks:
            centre, wide = x + step * 0.375, pen.px(5)
            pygame.draw.polygon(
                pen.surface,
                colours.RED,
                [
                    (centre - wide, room.top - 2 * wide),
                    (centre + wide, room.top - 2 * wide),
                    (centre, room.top - pen.px(1)),
                ],
            )
    pen.line([(room.left, zero), (room.right, zero)], colours.EDGE, 1)


def _learner(pen: Pen, rect: pygame.Rect, learning: Learning) -> None:
    colour = colours.GREEN if learning.at_work else colours.MUTED
    room = rect.inflate(-pen.px(20), 0)
    ended = "learning has ended" if learning.steps >= learning.total else "learning halts"
    pen.text(
        learning.name if learning.at_work else ended,
        room.left,
        rect.top + pen.px(8),
        16,
        colour,
        bold=True,
        width=room.width,
    )
    pen.text(
        f"{learning.steps:,} of {learning.total:,} steps",
        room.left,
        rect.top + pen.px(32),
        13,
        colours.MUTED,
        width=room.width,
    )
    bar = pygame.Rect(room.left, rect.top + pen.px(52), room.width, pen.px(7))
    pen.fill(bar, colours.PAPER)
    pen.fill(
        pygame.Rect(bar.left, bar.top, round(bar.width * min(1.0, learning.steps / learning.total)), bar.height), colour
    )
    if not learning.rewards:
        return
    pen.text(
        f"its mean return {number(learning.rewards[-1], '.4g')}",
        room.left,
        bar.bottom + pen.px(4),
        13,
        width=room.width,
    )
    top, bottom = bar.bottom + pen.px(26), rect.bottom - pen.px(10)
    low, high = min(learning.rewards), max(learning.rewards)
    across = room.width / max(1, len(learning.rewards) - 1)
    pen.line(
        [
            (room.left + index * across, bottom - (value - low) / ((high - low) or 1.0) * (bottom - top))
            for index, value in enumerate(learning.rewards)
        ],
        colour,
        2,
    )
