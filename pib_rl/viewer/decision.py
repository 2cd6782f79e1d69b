"""Draws what the policy makes of the state, and how the episodes went."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pygame

from pib_rl.viewer import colours
from pib_rl.viewer.canvas import Canvas, number
from pib_rl.viewer.scene import Decision, Learning

ACTIONS, EPISODES = 6, 40  # that there is room for


def draw_decision(canvas: Canvas, rect: pygame.Rect, decision: Decision | None) -> None:
    """Probabilities of actions, or their means and standard deviations; what the hardware does; and the value.

    An action of several whole numbers has a row for each of them: a bar that its values share.
    """
    px = canvas.px
    canvas.box(rect)
    left, top = rect.left + px(10), rect.top + px(8)
    canvas.text("decision", left, top, 16, bold=True)
    if decision is None:
        return
    canvas.text(f"value {number(decision.value, '.3g')}", rect.right - px(10), top, 16, align="right")
    values: tuple[Any, ...] = decision.probabilities or decision.choices or decision.means
    room = pygame.Rect(left, top + px(26), rect.width - px(20), rect.bottom - top - px(34))
    taken = int(decision.action[0]) if decision.probabilities and decision.action else None
    indices = visible_actions(len(values), taken)
    height = room.height / max(1, min(len(values), ACTIONS))
    rows = [
        pygame.Rect(room.left, round(room.top + place * height), room.width, round(height)) for place in range(ACTIONS)
    ]
    for row, index in zip(rows, indices, strict=False):
        if decision.probabilities:
            number_of_it = index + (decision.first[0] if decision.first else 0)
            _draw_probability(canvas, row, f"action {number_of_it}", values[index], index == taken)
        elif decision.choices:
            _draw_choice(canvas, row, decision, index)
        else:
            _draw_mean(canvas, row, decision, index)
    if len(indices) < len(values):
        canvas.text(f"({len(values) - len(indices)} more)", room.left, rows[-1].centery - px(9), 14)


def visible_actions(count: int, taken: int | None) -> list[int]:
    """The actions that there is room for: the first ones, and the one that is taken."""
    if count <= ACTIONS:
        return list(range(count))
    first = list(range(ACTIONS - 1))
    return first if taken is None or taken in first else [*first[:-1], taken]


def _draw_row(canvas: Canvas, row: pygame.Rect, name: str, text: str, widest: str, bold: bool = False) -> pygame.Rect:
    """An action's name at the left, its number at the right and an empty bar between, whose place is returned."""
    px = canvas.px
    height = min(px(18), max(px(5), round(row.height * 0.6)))
    right = max(px(90), canvas.width(widest, 14) + px(12))
    bar = pygame.Rect(row.left + px(80), row.centery - height // 2, row.width - px(80) - right, height)
    canvas.text(name, row.left, row.centery - px(9), 14, bold=bold)
    canvas.text(text, row.right, row.centery - px(9), 14, align="right", bold=bold)
    canvas.fill(bar, colours.GROUND)
    return bar


def _draw_probability(canvas: Canvas, row: pygame.Rect, name: str, value: float, taken: bool) -> None:
    text = f"{100 * value:.0f} %"
    bar = _draw_row(canvas, row, name, text, text, bold=taken)
    canvas.fill((bar.left, bar.top, round(bar.width * value), bar.height), colours.BLUE if taken else colours.PALE)


def _draw_choice(canvas: Canvas, row: pygame.Rect, decision: Decision, index: int) -> None:
    """The values of one whole number side by side, each as wide as it is probable; the one that is taken is dark."""
    shares, first = decision.choices[index], decision.first[index] if decision.first else 0
    taken = int(decision.action[index]) if decision.action else max(range(len(shares)), key=shares.__getitem__)
    widest = f"{first + len(shares) - 1}: 100 %"
    bar = _draw_row(canvas, row, f"action {index}", f"{first + taken}: {100 * shares[taken]:.0f} %", widest)
    edges = [round(bar.left + bar.width * sum(shares[:place])) for place in range(len(shares) + 1)]
    for place, (left, right) in enumerate(pairwise(edges)):
        dark = place == taken and bool(decision.action)
        canvas.fill((left, bar.top, max(0, right - left - 1), bar.height), colours.BLUE if dark else colours.PALE)


def _draw_mean(canvas: Canvas, row: pygame.Rect, decision: Decision, index: int) -> None:
    """One standard deviation around the mean; a line across where the hardware takes another action than the mean."""
    px, mean, std = canvas.px, decision.means[index], decision.stds[index]
    widest = max(
        (f"{value:+.2f} ± {size:.2f}" for value, size in zip(decision.means, decision.stds, strict=True)), key=len
    )
    bar = _draw_row(canvas, row, f"action {index}", f"{number(mean, '+.2f')} ± {std:.2f}", widest)

    def at(value: float) -> int:
        return round(bar.left + bar.width * (min(1.0, max(-1.0, value)) + 1) / 2)

    def mark(value: float, width: int, colour: colours.Colour) -> None:
        canvas.fill((at(value) - width // 2, bar.top - px(2), width, bar.height + px(4)), colour)

    low, high = at(mean - std), at(mean + std)
    canvas.fill((low, bar.top, max(1, high - low), bar.height), colours.PALE)
    mark(mean, px(4), colours.BLUE)
    if decision.action and abs(at(decision.action[index]) - at(mean)) > 1:
        mark(decision.action[index], px(2), colours.INK)


def draw_history(
    canvas: Canvas, rect: pygame.Rect, returns: tuple[float, ...], marks: tuple[int, ...], learning: Learning | None
) -> None:
    """Returns of the latest episodes as bars, the one at play lighter; beside them the learner, if there is one."""
    canvas.box(rect)
    width = rect.width if learning is None else round(rect.width * 0.55)
    _draw_returns(canvas, pygame.Rect(rect.left, rect.top, width, rect.height), returns, marks)
    if learning is not None:
        _draw_learning(canvas, pygame.Rect(rect.left + width, rect.top, rect.width - width, rect.height), learning)


def _draw_returns(canvas: Canvas, rect: pygame.Rect, returns: tuple[float, ...], marks: tuple[int, ...]) -> None:
    px = canvas.px
    canvas.text("return of episodes", rect.left + px(10), rect.top + px(8), 16, bold=True, width=rect.width - px(20))
    values = returns[-EPISODES:]
    first = len(returns) - len(values) + 1
    low, high = min(0.0, *values), max(0.0, *values)
    size = (high - low) or 1.0
    room = pygame.Rect(rect.left + px(58), rect.top + px(46), rect.width - px(68), rect.height - px(58))

    def at(value: float) -> float:
        return room.bottom - (value - low) / size * room.height

    for value in {low, high}:
        label, y = number(value, ".3g"), at(value) - px(8)
        canvas.text(label, room.left - px(8), y, 13, colours.GREY, align="right", width=px(46), least=9)
    step = room.width / max(12, len(values))
    for index, value in enumerate(values):
        x, y, height = room.left + index * step, min(at(value), at(0.0)), abs(at(value) - at(0.0))
        bar = round(x), round(y), max(1, round(step * 0.75)), max(1, round(height))
        canvas.fill(bar, colours.PALE if index == len(values) - 1 else colours.BLUE)
        if first + index in marks:
            canvas.triangle(x + step * 0.375, room.top - px(1), px(10), colours.RED)
    canvas.line([(room.left, at(0.0)), (room.right, at(0.0))], colours.FAINT, 1)


def _draw_learning(canvas: Canvas, rect: pygame.Rect, learning: Learning) -> None:
    px = canvas.px
    colour = colours.GREEN if learning.at_work else colours.GREY
    room = rect.inflate(-px(20), 0)
    ended = "learning has ended" if learning.steps >= learning.total else "learning halts"
    title = learning.name if learning.at_work else ended
    canvas.text(title, room.left, rect.top + px(8), 16, colour, bold=True, width=room.width)
    progress = f"{learning.steps:,} of {learning.total:,} steps"
    canvas.text(progress, room.left, rect.top + px(32), 13, colours.GREY, width=room.width)
    bar = pygame.Rect(room.left, rect.top + px(52), room.width, px(7))
    canvas.fill(bar, colours.GROUND)
    canvas.fill((bar.left, bar.top, round(bar.width * min(1.0, learning.steps / learning.total)), bar.height), colour)
    if not learning.rewards:
        return
    latest = f"its mean return {number(learning.rewards[-1], '.4g')}"
    canvas.text(latest, room.left, bar.bottom + px(4), 13, width=room.width)
    low, high, bottom = min(learning.rewards), max(learning.rewards), rect.bottom - px(10)
    across = room.width / max(1, len(learning.rewards) - 1)
    up = (bottom - bar.bottom - px(26)) / ((high - low) or 1.0)
    canvas.line(
        [(room.left + index * across, bottom - (value - low) * up) for index, value in enumerate(learning.rewards)],
        colour,
    )
