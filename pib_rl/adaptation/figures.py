"""The picture of an adaptation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pib_rl.adaptation.recovery import RecoveryCurve
from pib_rl.figures.curves import line_figure
from pib_rl.figures.styles import in_order, learner_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LOWEST, HIGHEST = -100.0, 105.0  # of an axis in %, where performance comes from further below


def recovery_figure(
    curves: dict[str, RecoveryCurve], before: float, unit: str, scored: str, title: str, percent: bool
) -> Figure:
    """Performance since the fault, one curve per learner; what it was before the fault as a dashed line.

    Args:
        curves: How the learners fared, by name.
        before: Performance before the fault, on the same episodes or samples as the curves.
        unit: What lengths count.
        scored: What performance is.
        title: Of the figure.
        percent: Show fractions in %. Fractions of a variance may lie far below 0: the axis ends at -100 %.
    """
    scale = 100 if percent else 1
    lines = {name: tuple(np.transpose(curves[name].curve) * [[1], [scale]]) for name in in_order(list(curves))}
    up = f"{scored} [%]" if percent else scored
    reference = ("before the fault", scale * before)
    figure = line_figure(lines, title, f"{unit} since the fault", up, reference, learner_style)
    axes = figure.axes[0]
    if percent and axes.get_ylim()[0] < LOWEST:
        axes.set_ylim(LOWEST, HIGHEST)
    axes.locator_params(axis="x", integer=True)
    return figure
