"""The picture of an adaptation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pib_rl.adaptation.recovery import RecoveryCurve
from pib_rl.figures.curves import UNIT_COLOURS, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LOWEST, HIGHEST = -100.0, 105.0  # of an axis in %, where performance comes from further below


def recovery(
    recoveries: dict[str, RecoveryCurve], before: float, unit: str, scored: str, title: str, percent: bool
) -> Figure:
    """Performance since the fault, one curve per learner; what it was before the fault as a dotted line.

    Args:
        recoveries: How the learners fared, by learner.
        before: Performance before the fault, on the same episodes or samples as the curves.
        unit: What lengths count.
        scored: What performance is.
        title: Of the figure.
        percent: Show shares in %. Shares of a variance may lie far below 0: the axis ends at -100 %.
    """
    scale = 100 if percent else 1
    figure = new_figure()
    axes = figure.add_subplot()
    axes.axhline(scale * before, color="0.4", linestyle=":", label="before the fault")
    for index, (name, one) in enumerate(recoveries.items()):
        at, found = zip(*one.curve, strict=True)
        axes.plot(
            at,
            [scale * value for value in found],
            "o-",
            markersize=3,
            label=name,
            color=UNIT_COLOURS[index % len(UNIT_COLOURS)],
        )
    if percent and axes.get_ylim()[0] < LOWEST:
        axes.set_ylim(LOWEST, HIGHEST)
    axes.set(xlabel=f"{unit} since the fault", ylabel=f"{scored} [%]" if percent else scored, title=title)
    axes.locator_params(axis="x", integer=True)
    axes.grid(alpha=0.25)
    axes.legend(fontsize=8)
    return figure
