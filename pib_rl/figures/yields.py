"""Figure of a wafer: how its chips end up, how many reach the threshold when, and how the worst one fared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pib_rl.common.palette import BLUE, GREY, RED
from pib_rl.figures.curves import literal, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHARES = ((0.05, 0.95, 0.15), (0.25, 0.75, 0.3))  # quantiles of the bands of chips, and how opaque they are
SLIM: dict[str, Any] = {"frameon": False, "borderaxespad": 0.2, "columnspacing": 1.0, "handlelength": 1.4}  # legends


@dataclass(frozen=True)
class WaferScores:
    """What the chips of a wafer reached.

    Args:
        final: Final score of each chip, shape (chips,).
        steps: When chips were evaluated on the way, shape (looks,).
        curves: Scores then, shape (looks, chips).
        score: What a score is, with its unit, such as "greedy return".
        unit: What steps count, such as "environment steps of each chip".
        threshold: Score from which a chip counts as good; None where the task has none.
        severity: What differs from chip to chip on purpose, such as the fraction of stuck devices, shape (chips,).
        severity_name: Its name.
    """

    final: np.ndarray
    steps: np.ndarray
    curves: np.ndarray
    score: str
    unit: str
    threshold: float | None = None
    severity: np.ndarray | None = None
    severity_name: str = ""

    @property
    def worst(self) -> int:
        """The chip of the lowest final score."""
        return int(self.final.argmin())

    @property
    def good(self) -> np.ndarray:
        """Share of chips at or above the threshold at each look, shape (looks,); none where there is no threshold."""
        return np.zeros(0) if self.threshold is None else (self.curves >= self.threshold).mean(1)


def yield_figure(scores: WaferScores, title: str) -> Figure:
    """Three panels: final scores, scores on the way, and the share of chips at the threshold."""
    count = 2 if scores.threshold is None else 3
    figure = new_figure(3.8 * count, 4.0)
    figure.suptitle(literal(title, 30 * count), fontsize=11)
    panels = figure.subplots(1, count)
    _finals(panels[0], scores)
    _curves(panels[1], scores)
    if scores.threshold is not None:
        _share(panels[2], scores)
    return figure


def _finals(axes: Axes, scores: WaferScores) -> None:
    """Every chip's final score: in order, or over what differs from chip to chip."""
    from matplotlib.ticker import MaxNLocator

    chips = len(scores.final)
    if scores.severity is None:
        order = scores.final.argsort()
        places, label = np.empty(chips), "chips, from the worst to the best"
        places[order] = np.arange(1, chips + 1)
        axes.set_xlim(0.5, chips + 0.5)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    else:
        places, label = scores.severity, scores.severity_name
    axes.scatter(places, scores.final, s=14, color=BLUE, zorder=2)
    worst = scores.worst
    axes.scatter(places[worst], scores.final[worst], s=40, color=RED, zorder=3, label=f"worst: chip {worst}")
    _threshold(axes, scores)
    axes.set_xlabel(label)
    axes.set_ylabel(f"final {scores.score}")
    _finish(axes)


def _curves(axes: Axes, scores: WaferScores) -> None:
    """Quantiles of the chips on the way, and the worst one; bars where there was one look."""
    for low, high, alpha in SHARES:
        edges = np.quantile(scores.curves, [low, high], axis=1)
        look: dict[str, Any] = {"color": BLUE, "alpha": alpha, "label": _band(low, high)}
        if len(scores.steps) > 1:
            axes.fill_between(scores.steps, *edges, linewidth=0, **look)
        else:
            axes.vlines(scores.steps, *edges, linewidth=10, **look)
    axes.plot(scores.steps, np.median(scores.curves, 1), color=BLUE, marker="o", markersize=3, label="median")
    axes.plot(scores.steps, scores.curves[:, scores.worst], color=RED, marker="s", markersize=3, label="worst chip")
    _threshold(axes, scores)
    _steps(axes, scores)
    axes.set_ylabel(scores.score)
    _finish(axes)


def _share(axes: Axes, scores: WaferScores) -> None:
    """Yield: the share of chips that are good, over the steps."""
    assert scores.threshold is not None
    axes.plot(scores.steps, 100 * scores.good, color=BLUE, marker="o", markersize=3)
    axes.set_ylim(-3, 103)
    _steps(axes, scores)
    axes.set_ylabel(f"chips at {scores.threshold:g} or more [%]")
    axes.grid(alpha=0.25)


def _steps(axes: Axes, scores: WaferScores) -> None:
    """The axis of steps, from the start of the training."""
    from matplotlib.ticker import EngFormatter

    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.set_xlim(0, 1.03 * scores.steps[-1])
    axes.set_xlabel(scores.unit)


def _finish(axes: Axes) -> None:
    """A grid, and the legend above the axes, where it hides no chip."""
    axes.grid(alpha=0.25)
    axes.legend(fontsize=7, loc="lower left", bbox_to_anchor=(0, 1), ncols=3, **SLIM)


def _threshold(axes: Axes, scores: WaferScores) -> None:
    if scores.threshold is not None:
        label = f"good: {scores.threshold:g} or more"
        axes.axhline(scores.threshold, color=GREY, linestyle="--", linewidth=1, label=label)


def _band(low: float, high: float) -> str:
    return f"{100 * (high - low):.0f} % of chips"
