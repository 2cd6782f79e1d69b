"""Draws what the hardware was asked so far, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping

import pygame

from pib_rl.common.units import si
from pib_rl.physical.meter import PARTS
from pib_rl.viewer import colours
from pib_rl.viewer.draw import Pen
from pib_rl.viewer.scene import Status

AGES = ((365.25 * 86400, "year"), (86400.0, "day"), (3600.0, "hour"), (60.0, "minute"), (1.0, "second"))


def age(seconds: float) -> str:
    """Simulated time for people: "2 days"."""
    for length, unit in AGES:
        if seconds >= length:
            count = f"{seconds / length:.3g}"
            return f"{count} {unit}{'' if count == '1' else 's'}"
    return "as made" if seconds == 0 else f"{seconds:.2g} seconds"


def paint_energy(pen: Pen, rect: pygame.Rect, energy: Mapping[str, float]) -> None:
    """One bar of all energy so far, by part, with a legend."""
    pen.card(rect)
    left, top, total = rect.left + pen.px(10), rect.top + pen.px(8), sum(energy.values())
    pen.text("energy so far", left, top, 16, bold=True)
    if not total:
        pen.text("not modelled on this hardware", left, top + pen.px(28), 13, colours.MUTED)
        return
    pen.text(si(total, "J"), rect.right - pen.px(10), top, 16, align="right")
    bar = pygame.Rect(left, top + pen.px(28), rect.width - pen.px(20), pen.px(16))
    x, half = float(bar.left), bar.width // 2
    for row, (part, joules) in enumerate(sorted(energy.items(), key=lambda item: -item[1])):
        hue = colours.HUES[PARTS.index(part) % len(colours.HUES)]
        wide = bar.width * joules / total
        pen.fill(pygame.Rect(round(x), bar.top, max(1, round(x + wide) - round(x)), bar.height), hue)
        x += wide
        place = left + row % 2 * half, bar.bottom + pen.px(8) + row // 2 * pen.px(19)
        pen.fill(pygame.Rect(place[0], place[1] + pen.px(4), pen.px(9), pen.px(9)), hue)
        pen.text(f"{part} {si(joules, 'J')}", place[0] + pen.px(14), place[1], 13, width=half - pen.px(16))


def paint_costs(pen: Pen, rect: pygame.Rect, costs: tuple[str, ...], status: Status) -> None:
    """Counts; the age of the chip; what broke."""
    pen.card(rect)
    left, y, width = rect.left + pen.px(10), rect.top + pen.px(8), rect.width - pen.px(20)
    pen.text("chip", left, y, 16, bold=True)
    pen.text(f"age {age(status.age_s)}" if status.age_s else "", rect.right - pen.px(10), y, 14, align="right")
    y += pen.px(24)
    if status.faults:
        count = f" ({len(status.faults)})" if len(status.faults) > 1 else ""
        told = f"broken{count}: {', '.join(reversed(status.faults))}"
        pen.text(told, left, y, 14, colours.RED, bold=True, width=width)
    else:
        pen.text("nothing broken", left, y, 14, colours.MUTED, width=width)
    for line in costs:
        y += pen.px(18)
        if y + pen.px(16) > rect.bottom:
            break
        pen.text(line, left, y, 13, width=width)
