"""Figures of an inspection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pib_rl.inspection.probe import Finding
from pib_rl.plots import UNIT_COLOURS, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = 3


def one(finding: Finding, title: str) -> Figure:
    """One finding, large."""
    figure = new_figure()
    draw(figure.add_subplot(), finding)
    figure.suptitle(title, fontsize=9)
    return figure


def overview(findings: Sequence[Finding], title: str) -> Figure:
    """All findings that have curves, side by side."""
    drawn = [finding for finding in findings if finding.curves]
    rows = -(-len(drawn) // COLUMNS)
    figure = new_figure(4.6 * COLUMNS, 3.3 * rows)
    for place, finding in enumerate(drawn, 1):
        draw(figure.add_subplot(rows, COLUMNS, place), finding)
    figure.suptitle(title)
    return figure


def draw(axes: Any, finding: Finding) -> None:
    """The curves of a finding."""
    for curve, colour in zip(finding.curves, UNIT_COLOURS, strict=False):
        if curve.bars:
            axes.stairs(curve.y, curve.x, fill=True, alpha=0.5, color=colour, label=curve.label)
            continue
        axes.plot(curve.x, curve.y, ".-" if len(curve.x) < 20 else "-", color=colour, label=curve.label)
        if curve.spread is not None:
            axes.fill_between(curve.x, curve.y - curve.spread, curve.y + curve.spread, color=colour, alpha=0.2)
    axes.set(xlabel=finding.across, ylabel=finding.up, title=finding.title)
    axes.title.set_fontsize(10)
    if "x" in finding.log:
        axes.set_xscale("log")
    if "y" in finding.log:
        axes.set_yscale("log")
    axes.grid(alpha=0.25)
    axes.legend(fontsize=7)
