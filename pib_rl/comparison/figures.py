"""Figures of a comparison, as SVG."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pib_rl.common.palette import GREY
from pib_rl.comparison.intervals import band
from pib_rl.comparison.results import ALL, Run, Standing
from pib_rl.figures.curves import new_figure
from pib_rl.figures.styles import in_order, learner_style
from pib_rl.training.settings.software import SOFTWARE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

POINTS = 60  # of a curve, between its first and last evaluation


def as_svg(figure: Figure) -> bytes:
    """The figure as the bytes of an SVG, the same for the same content."""
    from matplotlib import rc_context

    buffer = io.BytesIO()
    with rc_context({"svg.hashsalt": "pib_rl"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def curves_figure(runs: list[Run], across: str, threshold: float | None) -> Figure:
    """Greedy return during training, interquartile mean over seeds with its 95 % interval, a panel per substrate.

    Args:
        runs: Finished runs.
        across: "timesteps" (software agents in every panel, dashed) or "measurements" (hardware only).
        threshold: Return that counts as solved, or None.
    """
    hardware = list(dict.fromkeys(run.job.hw for run in runs if run.job.hw != SOFTWARE))
    names = in_order([run.job.learner for run in runs])
    figure = new_figure(6.2 * max(1, len(hardware)), 4.4)
    panels = figure.subplots(1, max(1, len(hardware)), sharey=True, squeeze=False)[0]
    for axes, hw in zip(panels, hardware, strict=True):
        for name in names:
            here = [run for run in runs if run.job.learner == name and run.job.hw in (hw, SOFTWARE)]
            software = bool(here) and here[0].job.hw == SOFTWARE
            if here and not (software and across == "measurements"):
                _draw_curve(axes, here, across, name, software)
        if threshold is not None:
            axes.axhline(threshold, color=GREY, linestyle=":", linewidth=1)
        axes.set(xlabel="environment steps" if across == "timesteps" else "physical measurements", title=hw)
        axes.grid(alpha=0.25)
        if across == "measurements":
            axes.set_xscale("log")
    panels[0].set_ylabel("return of the greedy policy")
    panels[0].legend(fontsize=8)
    return figure


def _draw_curve(axes: Axes, runs: list[Run], across: str, name: str, software: bool) -> None:
    first = max(run.evaluations[across][0] for run in runs)
    last = min(run.evaluations[across][-1] for run in runs)
    grid = np.linspace(first, last, POINTS) if last > first else np.array([last])
    mean, low, high = band(
        np.stack([np.interp(grid, run.evaluations[across], run.evaluations["mean_reward"]) for run in runs])
    )
    look = learner_style(name)
    axes.plot(
        grid,
        mean,
        "--" if software else "-",
        label=f"{name} (software)" if software else name,
        linewidth=2.2 if name == "pib" else 1.3,
        markersize=4,
        markevery=POINTS // 6,
        **look,
    )
    axes.fill_between(grid, low, high, color=look["color"], alpha=0.15, linewidth=0)


def _rows(standings: list[Standing]) -> list[Standing]:
    """One row per substrate and learner, learners in the order of all figures."""
    order = in_order([line.learner for line in standings])
    substrates = list(dict.fromkeys(line.hw for line in standings if line.hw != ALL))
    found = [line for line in standings if line.hw != ALL]
    return sorted(found, key=lambda line: (substrates.index(line.hw), order.index(line.learner)))


def finals_figure(standings: list[Standing]) -> Figure:
    """Final return: interquartile mean, its 95 % interval, and every run as a dot."""
    lines = _rows(standings)
    figure = new_figure(8.0, 1.2 + 0.32 * len(lines))
    axes = figure.add_subplot()
    for at, line in enumerate(lines):
        look = learner_style(line.learner)
        axes.plot(line.finals, np.full(len(line.finals), at), linestyle="", alpha=0.35, markersize=5, **look)
        if np.isfinite(line.score.low):
            axes.plot([line.score.low, line.score.high], [at, at], color=look["color"], linewidth=3, alpha=0.8)
        axes.plot([line.score.mean], [at], "|", color="black", markersize=13)
    axes.set_yticks(range(len(lines)), [f"{line.learner}, {line.hw}" for line in lines])
    axes.invert_yaxis()
    axes.set_xlabel("return of the final policy (dots: runs; bar: 95 % interval; mark: interquartile mean)")
    axes.grid(alpha=0.25, axis="x")
    return figure


def costs_figure(standings: list[Standing]) -> Figure:
    """What training cost: seconds, physical measurements, writes per device."""
    from matplotlib.ticker import EngFormatter

    lines = _rows(standings)
    figure = new_figure(11.0, 1.2 + 0.3 * len(lines))
    panels = figure.subplots(1, 3, sharey=True)
    what: tuple[tuple[str, Sequence[float | None]], ...] = (
        ("training time [s]", [line.means["wall_s"] for line in lines]),
        ("physical measurements", [line.means["measurements"] for line in lines]),
        ("writes per device", [line.means["writes_mean_per_device"] for line in lines]),
    )
    for axes, (label, values) in zip(panels, what, strict=True):
        colours = [learner_style(line.learner)["color"] for line in lines]
        axes.barh(range(len(lines)), [value or 0 for value in values], color=colours)
        axes.set_xlabel(label)
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        axes.grid(alpha=0.25, axis="x")
    panels[0].set_yticks(range(len(lines)), [f"{line.learner}, {line.hw}" for line in lines])
    panels[0].invert_yaxis()
    return figure
