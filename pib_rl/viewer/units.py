"""Draws media and arrays: a column for each unit, and one for the readout."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

import pygame

from pib_rl.viewer import colours
from pib_rl.viewer.canvas import Canvas
from pib_rl.viewer.scene import Heatmap, UnitView

STRIP, IMAGE = 36, 80  # height of what a medium is driven with: of a vector, of an image
NOTES = 3  # lines of notes that there is room for
MOST = 4  # columns; of more units the first ones are shown, and the readout


def visible(units: tuple[UnitView, ...]) -> tuple[UnitView, ...]:
    """The units that there is room for."""
    return units if len(units) <= MOST else (*units[: MOST - 1], units[-1])


@dataclass(frozen=True)
class Column:
    """Where the things of one unit are, in pixels."""

    title: pygame.Rect
    drive: pygame.Rect
    medium: pygame.Rect
    array: pygame.Rect
    notes: pygame.Rect


def columns(rect: pygame.Rect, count: int, canvas: Canvas, images: bool = False) -> list[Column]:
    """Places of so many units side by side; ``images`` leaves room for what patch units look at."""
    px = canvas.px
    gap, edge = px(22), px(10)
    width = (rect.width - 2 * edge - gap * (count - 1)) // max(1, count)
    notes = NOTES * px(17)
    drive = px(IMAGE if images else STRIP)
    room = rect.height - px(38) - drive - notes - edge
    tall = min(width + px(44), round(room * 0.57))
    heights = px(26), drive, tall, room - tall, notes
    tops = list(accumulate(heights, initial=rect.top + px(8)))[:-1]
    lefts = [rect.left + edge + index * (width + gap) for index in range(count)]
    return [
        Column(*(pygame.Rect(left, top, width, height) for top, height in zip(tops, heights, strict=True)))
        for left in lefts
    ]


def draw_title(canvas: Canvas, rect: pygame.Rect, name: str, alive: bool, hidden: int) -> None:
    """The name; whether the unit is dead; and how many units before it are not shown."""
    canvas.fill(rect, colours.PAPER)
    canvas.text(name, rect.left, rect.top, 16, bold=True, width=rect.width)
    if hidden:
        canvas.text(f"{hidden} hidden", rect.right, rect.top + canvas.px(2), 13, colours.GREY, align="right")
    elif not alive:
        canvas.text("dead", rect.right, rect.top, 16, colours.RED, bold=True, align="right")


def draw_drive(canvas: Canvas, rect: pygame.Rect, drive: Heatmap, first: bool) -> None:
    """What the medium is driven with, as a strip or an image; an arrow leads to it from the unit before."""
    px = canvas.px
    canvas.fill(rect, colours.PAPER)
    rows, across = drive.values.shape
    title = drive.title if rows > 1 else f"{drive.title}: {drive.values.size} inputs"
    canvas.text(title, rect.left, rect.top, 13, colours.GREY, width=rect.width, least=10)
    strip = pygame.Rect(rect.left, rect.top + px(18), rect.width, px(12))
    if rows > 1:
        pixel = min(rect.width / across, (rect.height - px(26)) / rows)
        strip.size = round(pixel * across), round(pixel * rows)
    canvas.image(colours.coloured(drive.values, drive.limit, drive.signed), strip)
    if not first:
        right, y, size = rect.left - px(5), strip.centery, px(5)
        pygame.draw.polygon(
            canvas.surface, colours.GREY, [(right - 2 * size, y - size), (right, y), (right - 2 * size, y + size)]
        )


def draw_heatmap(canvas: Canvas, rect: pygame.Rect, heatmap: Heatmap, even: bool) -> None:
    """A heatmap with its title above and its colours below; ``even`` pixels are squares, others fill the place."""
    px = canvas.px
    canvas.fill(rect, colours.PAPER)
    canvas.text(heatmap.title, rect.left, rect.top, 13, colours.GREY, width=rect.width)
    box = pygame.Rect(rect.left, rect.top + px(19), rect.width, max(1, rect.height - px(44)))
    below = box.bottom + px(3)
    if even:
        rows, across = heatmap.values.shape
        pixel = min(box.width / across, box.height / rows)
        box.size = round(pixel * across), round(pixel * rows)
    canvas.image(colours.coloured(heatmap.values, heatmap.limit, heatmap.signed), box)
    pygame.draw.rect(canvas.surface, colours.FAINT, box, px(1))
    low = f"-{heatmap.limit:.2g}" if heatmap.signed else "0"
    high = f"{heatmap.limit:.2g} {heatmap.unit}".rstrip()
    left = canvas.text(low, rect.left, below, 12, colours.GREY)
    room = rect.right - left.right - 2 * px(5)
    wide = max(px(16), min(px(56), room - canvas.width(high, 12)))
    bar = pygame.Rect(left.right + px(5), left.centery - px(4), wide, px(8))
    canvas.image(colours.ramp(heatmap.signed)[None], bar)
    canvas.text(high, bar.right + px(5), below, 12, colours.GREY, width=room - wide, least=9)


def draw_notes(canvas: Canvas, rect: pygame.Rect, notes: tuple[str, ...]) -> None:
    """Lines of text."""
    px = canvas.px
    canvas.fill(rect, colours.PAPER)
    for index, line in enumerate(notes[:NOTES]):
        canvas.text(line, rect.left, rect.top + index * px(17), 12, colours.GREY, width=rect.width)
