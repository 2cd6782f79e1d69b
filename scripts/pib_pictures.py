"""Draws the two sketches of docs/pib.md: what a unit is, and what it hears, beside backpropagation.

    python scripts/pib_pictures.py

Writes docs/pictures/unit.png and docs/pictures/what_a_unit_hears.png (OUT: another folder).
"""

from __future__ import annotations

import os
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from pib_rl.common.palette import AMBER, BLUE, FAINT, GREY, INK, RED

OUT = Path(os.environ.get("OUT", "docs/pictures"))


def box(axes: Axes, x: float, y: float, text: str, colour: str = BLUE, width: float = 1.7, height: float = 0.9) -> None:
    axes.add_patch(plt.Rectangle((x, y), width, height, facecolor="white", edgecolor=colour, linewidth=2))
    axes.text(x + width / 2, y + height / 2, text, ha="center", va="center", fontsize=10, color=INK)


def arrow(
    axes: Axes, start: tuple[float, float], end: tuple[float, float], colour: str = INK, style: str = "-"
) -> None:
    axes.annotate(
        "", end, start, arrowprops={"arrowstyle": "-|>", "color": colour, "linewidth": 1.6, "linestyle": style}
    )


def blank(axes: Axes, width: float, height: float) -> None:
    axes.set_xlim(0, width)
    axes.set_ylim(0, height)
    axes.set_aspect("equal")
    axes.axis("off")


def unit() -> None:
    """One unit: medium and array, two measurements, one broadcast."""
    figure, axes = plt.subplots(figsize=(9.2, 3.6), layout="constrained")
    blank(axes, 11.6, 4.4)
    axes.add_patch(plt.Rectangle((1.7, 0.95), 8.0, 3.3, facecolor="#f5f8fa", edgecolor=FAINT))
    axes.text(1.85, 4.0, "one unit", fontsize=10, color=GREY, va="center")
    box(axes, 2.1, 2.4, "medium\nfixed physics", GREY)
    box(axes, 5.0, 2.4, "array W\ntrainable", BLUE)
    box(axes, 7.3, 1.05, "objective\nof z and y", AMBER)
    arrow(axes, (0.3, 2.85), (2.1, 2.85))
    axes.text(0.85, 3.05, "drive", ha="center", fontsize=9, color=INK)
    arrow(axes, (3.8, 2.85), (5.0, 2.85))
    axes.text(4.4, 3.1, "h\nmeasured", ha="center", fontsize=9, color=INK)
    arrow(axes, (6.7, 2.85), (11.3, 2.85))
    axes.text(8.15, 3.1, "z = W h\nmeasured", ha="center", fontsize=9, color=INK)
    axes.text(10.6, 3.05, "next unit", ha="center", fontsize=9, color=INK)
    arrow(axes, (8.15, 2.85), (8.15, 1.95))
    arrow(axes, (7.3, 1.5), (5.85, 2.4), AMBER)
    axes.text(5.5, 1.55, "dW = (dL/dz)ᵀ h", fontsize=10, color=INK, ha="center")
    arrow(axes, (8.15, 0.1), (8.15, 1.05), RED)
    axes.text(8.35, 0.35, "target y, broadcast to every unit", fontsize=9, color=INK, va="center")
    figure.savefig(OUT / "unit.png", dpi=110)


def hears() -> None:
    """Backpropagation passes gradients from unit to unit through a model of them; PIB passes none."""
    figure, both = plt.subplots(2, 1, figsize=(9.2, 5.6), layout="constrained")
    for axes, title in zip(
        both,
        ("Backpropagation: a model of every medium, one chain of gradients", "PIB: no model, no chain"),
        strict=True,
    ):
        blank(axes, 11.6, 3.2)
        axes.set_title(title, fontsize=11, loc="left", color=INK)
        for number, x in enumerate((1.4, 4.4, 7.4)):
            name = "readout" if number == 2 else f"unit {number + 1}"
            box(axes, x, 1.9, name, BLUE)
            arrow(axes, (x - 1.3, 2.35), (x, 2.35))
        arrow(axes, (9.1, 2.35), (10.6, 2.35))
    twin, local = both
    for number, x in enumerate((1.4, 4.4, 7.4)):
        if number < 2:
            box(twin, x, 0.3, "digital twin", RED)
            arrow(twin, (x + 0.85, 1.2), (x + 0.85, 1.9), RED)
    arrow(twin, (9.6, 2.1), (8.25, 0.75), RED)
    twin.text(9.75, 1.6, "loss", fontsize=9, color=INK)
    twin.plot((8.25, 6.15), (0.75, 0.75), color=RED, linewidth=1.6)
    arrow(twin, (6.9, 0.75), (6.1, 0.75), RED)
    arrow(twin, (4.4, 0.75), (3.1, 0.75), RED)
    local.plot((1.0, 9.6), (0.5, 0.5), color=AMBER, linewidth=2)
    local.text(9.75, 0.5, "target y", fontsize=9, color=INK, va="center")
    for x in (1.4, 4.4, 7.4):
        arrow(local, (x + 0.85, 0.5), (x + 0.85, 1.9), AMBER)
    figure.savefig(OUT / "what_a_unit_hears.png", dpi=110)


if __name__ == "__main__":
    unit()
    hears()
