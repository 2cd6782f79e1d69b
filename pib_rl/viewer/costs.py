"""Draws what the hardware was asked so far, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping

import pygame

from pib_rl.common.units import si
from pib_rl.physical.meter import PARTS
from pib_rl.viewer import colours
from pib_rl.viewer.canvas import Canvas

AGES = ((365.25 * 86400, "year"), (86400.0, "day"), (3600.0, "hour"), (60.0, "minute"), (1.0, "second"))


def age(seconds: float) -> str:
    """Simulated time for people: "2 days"."""
    for length, unit in AGES:
        if seconds >= length:
            count = f"{seconds / length:.3g}"
            return f"{count} {unit}{'' if count == '1' else 's'}"
    return "as made" if seconds == 0 else f"{seconds:.2g} seconds"


def draw_energy(canvas: Canvas, rect: pygame.Rect, energy: Mapping[str, float]) -> None:
    """One bar of all energy of the chip, its training included, by part, with a legend."""
    px = canvas.px
    canvas.box(rect)
    left, top, total = rect.left + px(10), rect.top + px(8), sum(energy.values())
    canvas.text("energy since made", left, top, 16, bold=True)
    if not total:
        canvas.text("not modelled on this hardware", left, top + px(28), 13, colours.GREY)
        return
    canvas.text(si(total, "J"), rect.right - px(10), top, 16, align="right")
    bar = pygame.Rect(left, top + px(28), rect.width - px(20), px(16))
    x, half = float(bar.left), bar.width // 2
    for row, (part, joules) in enumerate(sorted(energy.items(), key=lambda item: -item[1])):
        hue = colours.HUES[PARTS.index(part) % len(colours.HUES)]
        wide = bar.width * joules / total
        canvas.fill((round(x), bar.top, max(1, round(x + wide) - round(x)), bar.height), hue)
        x += wide
        place = left + row % 2 * half, bar.bottom + px(8) + row // 2 * px(19)
        canvas.fill((place[0], place[1] + px(4), px(9), px(9)), hue)
        canvas.text(f"{part} {si(joules, 'J')}", place[0] + px(14), place[1], 13, width=half - px(16))


def draw_costs(
    canvas: Canvas, rect: pygame.Rect, costs: tuple[str, ...], age_s: float, faults: tuple[str, ...]
) -> None:
    """Counts; the age of the chip; what broke."""
    px = canvas.px
    canvas.box(rect)
    left, y, width = rect.left + px(10), rect.top + px(8), rect.width - px(20)
    canvas.text("chip", left, y, 16, bold=True)
    canvas.text(f"age {age(age_s)}" if age_s else "", rect.right - px(10), y, 14, align="right")
    y += px(24)
    if faults:
        count = f" ({len(faults)})" if len(faults) > 1 else ""
        text = f"broken{count}: {', '.join(reversed(faults))}"
        canvas.text(text, left, y, 14, colours.RED, bold=True, width=width)
    else:
        canvas.text("nothing broken", left, y, 14, colours.GREY, width=width)
    for line in costs:
        y += px(18)
        if y + px(16) > rect.bottom:
            break
        canvas.text(line, left, y, 13, width=width)
