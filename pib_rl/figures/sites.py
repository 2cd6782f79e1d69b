"""Figure of a run whose units learned at sites: a map of places and links, lag and score over wall time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pib_rl.common.palette import FAINT, GREY, INK, PALETTE, PAPER
from pib_rl.common.units import si
from pib_rl.figures.curves import literal, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HOME = "coordinator"


@dataclass(frozen=True)
class SiteCurves:
    """What was measured of one site.

    Args:
        name: Its name.
        about: A line on it, such as "units 1-2, lost nothing".
        bytes_out: Bytes to it, in all.
        bytes_in: Bytes from it.
        latency_ms: Time of a message in one direction, in ms; nan where it is not known.
        times: Wall time of its samples, in s, shape (n,).
        lags: Passes under way then, shape (n,).
        away: Whether it was away then, shape (n,).
    """

    name: str
    about: str
    bytes_out: float
    bytes_in: float
    latency_ms: float
    times: np.ndarray
    lags: np.ndarray
    away: np.ndarray


def sites_figure(sites: Sequence[SiteCurves], times: np.ndarray, scores: np.ndarray, score: str, title: str) -> Figure:
    """The map on the left; on the right lag of every site, and the score, over wall time.

    Args:
        sites: All sites, front to back.
        times: Wall time of the scores, in s, shape (n,).
        scores: Scores then, nan where there is none, shape (n,).
        score: What a score is, with its unit.
        title: Title of the figure.
    """
    figure = new_figure(9.5, max(4.2, 1.1 + 0.9 * len(sites)))
    figure.suptitle(literal(title, 70), fontsize=11)
    grid = figure.add_gridspec(2, 2, width_ratios=[1.15, 1.0])
    _map(figure.add_subplot(grid[:, 0]), sites)
    lags = figure.add_subplot(grid[0, 1])
    score_axes = figure.add_subplot(grid[1, 1], sharex=lags)
    for index, site in enumerate(sites):
        colour = PALETTE[index % len(PALETTE)]
        lags.step(site.times, site.lags, where="post", color=colour, label=literal(site.name, 20))
        lags.plot(site.times[site.away], site.lags[site.away], "x", color=colour)
    lags.plot([], [], "x", color=GREY, label="away")
    lags.set_ylabel("lag [passes]")
    lags.set_ylim(bottom=0)
    lags.legend(fontsize=7, frameon=False, ncols=3)
    known = np.isfinite(scores)
    score_axes.plot(times[known], scores[known], color=INK, drawstyle="steps-post")
    score_axes.set_ylabel(score)
    score_axes.set_xlabel("wall time [s]")
    for axes in (lags, score_axes):
        axes.grid(color=FAINT)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def _map(axes: Axes, sites: Sequence[SiteCurves]) -> None:
    """Places as boxes; the wider a link, the more travelled over it."""
    axes.set_axis_off()
    axes.set_xlim(0, 10)
    axes.set_ylim(-0.5, len(sites) - 0.5)
    centre, most = 0.5 * (len(sites) - 1), max([site.bytes_out + site.bytes_in for site in sites] + [1.0])
    for index, site in enumerate(sites):
        y, colour = len(sites) - 1 - index, PALETTE[index % len(PALETTE)]
        width = 1.0 + 5.0 * (site.bytes_out + site.bytes_in) / most
        axes.plot([1.6, 7.2], [centre, y], color=colour, linewidth=width, alpha=0.45, solid_capstyle="round", zorder=1)
        latency = "" if np.isnan(site.latency_ms) else f"\n{site.latency_ms:.3g} ms"
        text = f"{si(site.bytes_out, 'B')} out, {si(site.bytes_in, 'B')} back{latency}"
        axes.text(4.6, centre + (y - centre) * 3.0 / 5.6, text, **_label(GREY, 7))
        axes.text(8.2, y, f"{literal(site.name, 20)}\n{literal(site.about, 40)}", **_label(colour, 8))
    axes.text(1.2, centre, HOME, **_label(INK, 8))


def _label(colour: str, size: float) -> dict[str, Any]:
    box = {"boxstyle": "round,pad=0.4", "facecolor": PAPER, "edgecolor": colour}
    return {"ha": "center", "va": "center", "fontsize": size, "color": INK, "bbox": box, "zorder": 2}
