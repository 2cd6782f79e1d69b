"""Draws media and arrays: a column for each unit, and one for the readout."""

from __future__ import annotations

from dataclasses import dataclass

import pygame

from pib_rl.viewer import colours
from pib_rl.viewer.draw import Pen
from pib_rl.viewer.scene import Picture, Stage

NOTES = 3  # lines of notes that there is room for
MOST = 4  # columns; of more units the first ones are shown, and the readout


def shown(stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
    """The stages that there is room for."""
    return stages if len(stages) <= MOST else (*stages[: MOST - 1], stages[-1])


@dataclass(frozen=True)
class Column:
    """Where the things of one stage are, in pixels."""

    title: pygame.Rect
    drive: pygame.Rect
    medium: pygame.Rect
    array: pygame.Rect
    notes: pygame.Rect


def columns(rect: pygame.Rect, count: int, pen: Pen) -> list[Column]:
    """Places of so many stages side by side."""
    gap, edge = pen.px(22), pen.px(10)
    width = (rect.width - 2 * edge - gap * (count - 1)) // max(1, count)
    notes = NOTES * pen.px(17)
    room = rect.height - pen.px(74) - notes - edge
    tall = min(width + pen.px(44), round(room * 0.57))
    found = []
    for index in range(count):
        left, y = rect.left + edge + index * (width + gap), rect.top + pen.px(8)
        places = []
        for height in (pen.px(26), pen.px(36), tall, room - tall, notes):
            places.append(pygame.Rect(left, y, width, height))
            y += height
        found.append(Column(*places))
    return found


def paint_title(pen: Pen, rect: pygame.Rect, stage: Stage, hidden: int) -> None:
    """The name; whether it is dead; and how many stages before it are not shown."""
    pen.fill(rect, colours.CARD)
    pen.text(stage.name, rect.left, rect.top, 16, bold=True, width=rect.width)
    if hidden:
        pen.text(f"{hidden} hidden", rect.right, rect.top + pen.px(2), 13, colours.MUTED, align="right")
    elif not stage.alive:
        pen.text("dead", rect.right, rect.top, 16, colours.RED, bold=True, align="right")


def paint_drive(pen: Pen, rect: pygame.Rect, drive: Picture, *, first: bool) -> None:
    """What the medium is driven with, as a strip; an arrow leads to it from the stage before."""
    pen.fill(rect, colours.CARD)
    pen.text(f"{drive.title}: {drive.values.size} inputs", rect.left, rect.top, 13, colours.MUTED, width=rect.width)
    strip = pygame.Rect(rect.left, rect.top + pen.px(18), rect.width, pen.px(12))
    pen.picture(colours.coloured(drive.values, drive.limit, drive.signed), strip)
    if not first:
        right, y, size = rect.left - pen.px(5), strip.centery, pen.px(5)
        pygame.draw.polygon(
            pen.surface, colours.MUTED, [(right - 2 * size, y - size), (right, y), (right - 2 * size, y + size)]
        )


def paint_picture(pen: Pen, rect: pygame.Rect, picture: Picture, *, even: bool) -> None:
    """A picture with its title above and its colours below.

    Args:
        pen: Where to.
        rect: Its place.
        picture: The picture.
        even: Its pixels are squares; otherwise it fills the place.
    """
    pen.fill(rect, colours.CARD)
    pen.text(picture.title, rect.left, rect.top, 13, colours.MUTED, width=rect.width)
    box = pygame.Rect(rect.left, rect.top + pen.px(19), rect.width, max(1, rect.height - pen.px(44)))
    below = box.bottom + pen.px(3)
    if even:
        rows, across = picture.values.shape
        pixel = min(box.width / across, box.height / rows)
        box.size = round(pixel * across), round(pixel * rows)
    pen.picture(colours.coloured(picture.values, picture.limit, picture.signed), box)
    pygame.draw.rect(pen.surface, colours.EDGE, box, pen.px(1))
    low = f"-{picture.limit:.2g}" if picture.signed else "0"
    high = f"{picture.limit:.2g} {picture.unit}".rstrip()
    left = pen.text(low, rect.left, below, 12, colours.MUTED)
    room = rect.right - left.right - 2 * pen.px(5)
    wide = max(pen.px(16), min(pen.px(56), room - pen.width(high, 12)))
    bar = pygame.Rect(left.right + pen.px(5), left.centery - pen.px(4), wide, pen.px(8))
    pen.picture(colours.ramp(picture.signed)[None], bar)
    pen.text(high, bar.right + pen.px(5), below, 12, colours.MUTED, width=room - wide, least=9)


def paint_notes(pen: Pen, rect: pygame.Rect, notes: tuple[str, ...]) -> None:
    """Lines of text."""
    pen.fill(rect, colours.CARD)
    for index, line in enumerate(notes[:NOTES]):
        pen.text(line, rect.left, rect.top + index * pen.px(17), 12, colours.MUTED, width=rect.width)
