"""Draws media and arrays: a column for each unit, and one for the readout."""

from __future__ import annotations

import pygame

from pib_rl.envs.panel import colours
from pib_rl.envs.panel.pen import Pen
from pib_rl.envs.panel.scene import Picture, Stage

NOTES = 3  # lines of notes that there is room for
MOST = 4  # columns; of more units the first ones are shown, and the readout


def shown(stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
    """The stages that there is room for."""
    return stages if len(stages) <= MOST else (*stages[: MOST - 1], stages[-1])


def columns(rect: pygame.Rect, count: int, pen: Pen) -> list[pygame.Rect]:
    """Places of so many stages side by side."""
    gap = pen.px(22)
    width = (rect.width - 2 * pen.px(10) - gap * (count - 1)) // max(1, count)
    top = rect.top + pen.px(8)
    return [pygame.Rect(rect.left + pen.px(10) + index * (width + gap), top, width, rect.height - pen.px(16))
            for index in range(count)]


def paint_stage(pen: Pen, rect: pygame.Rect, stage: Stage, *, first: bool, hidden: int) -> None:
    """One stage.

    Args:
        pen: Where to.
        rect: Its place.
        stage: What it shows.
        first: Nothing leads to it from the left.
        hidden: So many stages before it are not shown.
    """
    pen.fill(rect.inflate(pen.px(16), 0), colours.CARD)
    name = f"{stage.name} (after {hidden} more)" if hidden else stage.name
    pen.text(name, rect.left, rect.top, 16, bold=True, width=rect.width)
    if not stage.alive:
        pen.text("dead", rect.right, rect.top, 16, colours.RED, bold=True, align="right")
    y = rect.top + pen.px(26)
    strip = pygame.Rect(rect.left, y + pen.px(18), rect.width, pen.px(12))
    pen.text(f"drive: {stage.drive.values.size} inputs", rect.left, y, 13, colours.MUTED, width=rect.width)
    pen.picture(colours.coloured(stage.drive.values, stage.drive.limit, stage.drive.signed), strip)
    if not first:
        _arrow(pen, rect.left - pen.px(5), strip.centery)
    notes = NOTES * pen.px(17)
    room = rect.bottom - strip.bottom - pen.px(8) - notes - 2 * pen.px(47)
    tall = max(pen.px(20), min(rect.width, round(room * 0.6)))
    y = _labelled(pen, pygame.Rect(rect.left, strip.bottom + pen.px(6), rect.width, tall), stage.medium, even=True)
    y = _labelled(pen, pygame.Rect(rect.left, y, rect.width, max(pen.px(20), room - tall)), stage.array, even=False)
    for line in stage.notes[:NOTES]:
        pen.text(line, rect.left, y, 12, colours.MUTED, width=rect.width)
        y += pen.px(17)


def _arrow(pen: Pen, right: float, y: float) -> None:
    size = pen.px(5)
    pygame.draw.polygon(pen.surface, colours.MUTED, [(right - 2 * size, y - size), (right, y), (right - 2 * size,
                                                                                                y + size)])


def _labelled(pen: Pen, rect: pygame.Rect, picture: Picture, *, even: bool) -> int:
    """A picture with its title above and its colours below; returns where it ends.

    Args:
        pen: Where to.
        rect: Place of the picture alone but for the title, which pushes it down.
        picture: The picture.
        even: Keep it square; otherwise it fills the place.
    """
    pen.text(picture.title, rect.left, rect.top, 13, colours.MUTED, width=rect.width)
    box = rect.move(0, pen.px(19))
    if even:
        rows, across = picture.values.shape
        pixel = min(box.width / across, box.height / rows)
        box.size = round(pixel * across), round(pixel * rows)
    pen.picture(colours.coloured(picture.values, picture.limit, picture.signed), box)
    pygame.draw.rect(pen.surface, colours.EDGE, box, pen.px(1))
    below = rect.top + pen.px(19) + rect.height + pen.px(3)
    _scale(pen, rect, below, picture)
    return below + pen.px(25)


def _scale(pen: Pen, rect: pygame.Rect, y: float, picture: Picture) -> None:
    """The colours with the numbers at their ends."""
    low = f"-{picture.limit:.2g}" if picture.signed else "0"
    left = pen.text(low, rect.left, y, 12, colours.MUTED)
    bar = pygame.Rect(left.right + pen.px(5), left.centery - pen.px(4), pen.px(56), pen.px(8))
    shades = colours.ramp(picture.signed)[None]
    pen.picture(shades, bar)
    end = f"{picture.limit:.2g} {picture.unit}".rstrip()
    pen.text(end, bar.right + pen.px(5), y, 12, colours.MUTED, width=rect.right - bar.right - pen.px(5))
