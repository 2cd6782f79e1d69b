"""Figures of a run, drawn from its progress.csv."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from pib_rl.common.palette import GREY
from pib_rl.figures.styles import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


WINDOW = 5  # estimates of information behind each point of their plane


def read_progress(path: Path) -> dict[str, np.ndarray]:
    """Columns of a progress.csv, missing values as nan."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = rows[0].keys() if rows else []
    return {name: np.array([float(row[name] or "nan") for row in rows]) for name in names}


def literal(text: object, longest: int = 30) -> str:
    """Text that a figure shows as it is: without formulas, and not longer than a line."""
    plain = str(text).replace("$", r"\$")
    return plain if len(plain) <= longest else f"{plain[: longest - 3]}..."


def new_figure(width: float = 7.0, height: float = 4.2) -> Figure:
    """An empty figure that needs no display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def as_png(figure: Figure) -> bytes:
    """The figure as the bytes of a PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def as_pixels(figure: Figure) -> np.ndarray:
    """The figure as red, green and blue, 0..255, shape (height, width, 3), uint8."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="rgba", dpi="figure")
    width, height = figure.canvas.get_width_height()
    return np.frombuffer(buffer.getvalue(), np.uint8).reshape(height, width, 4)[..., :3]


def headed(axes: Axes, title: str, fraction: float = 0.9, least: float = 6.0) -> None:
    """Gives axes a title that takes at most a ``fraction`` of the figure's width.

    Its letters are made smaller, down to ``least`` points; what is longer then is cut.
    """
    label = axes.set_title(title)
    room, size = fraction * axes.figure.bbox.width, float(label.get_fontsize())
    while (wide := label.get_window_extent().width) > room and size > least:
        size = max(least, size * min(0.97, room / wide))
        label.set_fontsize(size)
    while label.get_window_extent().width > room and len(title) > 1:
        title = title[:-1]
        label.set_text(f"{title}...")


def line_figure(
    lines: Mapping[str, tuple[ArrayLike, ArrayLike]],
    title: str,
    across: str,
    up: str,
    reference: tuple[str, float | None] = ("", None),
    styles: Callable[[str], dict[str, Any]] | None = None,
) -> Figure:
    """Curves in one pair of axes.

    Args:
        lines: By label, what goes across and what goes up, each of shape (n,); nan is left out.
        title: Of the figure.
        across: Label of what goes across, with its unit.
        up: Label of what goes up, with its unit.
        reference: Label and height of a dashed line; None for none.
        styles: Colour and marker of a label; by default those of its number.
    """
    figure = new_figure()
    axes = figure.add_subplot()
    label, height = reference
    if height is not None:
        axes.axhline(height, color=GREY, linestyle="--", linewidth=1, label=label)
    for index, (name, (x, y)) in enumerate(lines.items()):
        x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
        known = ~np.isnan(y)
        look = style(index) if styles is None else styles(name)
        axes.plot(x[known], y[known], label=name, markersize=4, markevery=max(1, int(known.sum()) // 40), **look)
    axes.set(xlabel=across, ylabel=up)
    headed(axes, title)
    axes.grid(alpha=0.25)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8)
    return figure


def learning_curve(progress: dict[str, np.ndarray], title: str, threshold: float | None) -> Figure:
    """Return of training episodes and of greedy evaluations over environment steps."""
    steps = progress.get("time/total_timesteps", np.zeros(0))
    places = {
        "rollout/return": ("training episodes (exploring, mean of a rollout)", steps),
        "eval/mean_reward": ("evaluation (greedy, noisy hardware)", progress.get("eval/timesteps", steps)),
    }
    lines = {label: (x, progress[key]) for key, (label, x) in places.items() if key in progress}
    solved = (f"solved: {threshold:g}" if threshold is not None else "", threshold)
    return line_figure(lines, title, "environment steps", "return per episode", solved)


def information_plane(
    progress: dict[str, np.ndarray], title: str, end: str = "end of training", note: str = ""
) -> Figure:
    """I(X; Z) against I(Z; Y) of every unit over training, light at the start and full at the ``end``.

    ``note`` is a second line below the one that says what a point is.
    """
    figure = new_figure(6.0, 4.8)
    axes = figure.add_subplot()
    units = sorted(int(key.rsplit("unit", 1)[1]) for key in progress if key.startswith("information/input_unit"))
    for unit in units:
        across, up = (smooth(progress[f"information/{kind}_unit{unit}"]) for kind in ("input", "target"))
        colour, marker = style(unit - 1).values()
        shade = np.linspace(0.15, 1.0, len(across))
        axes.plot(across, up, color=colour, linewidth=0.6, alpha=0.4)
        axes.scatter(across, up, s=14, marker=marker, color=[(colour, alpha) for alpha in shade], edgecolors="none")
        if len(across):
            axes.scatter(
                across[-1:], up[-1:], s=70, marker=marker, color=colour, edgecolors="black", label=f"unit {unit}"
            )
    figure.supxlabel(f"{_points(progress)}light at the start\n{note}".rstrip(), fontsize=7, color=GREY)
    axes.set(xlabel="I(X; Z): information on the input [nats]", ylabel="I(Z; Y): information on the target [nats]")
    headed(axes, title)
    axes.grid(alpha=0.25)
    if units:
        axes.legend(fontsize=8, title=end, title_fontsize=8)
    return figure


def _points(progress: Mapping[str, np.ndarray]) -> str:
    """What a point of the information plane is, if it is a mean."""
    known = progress.get("information/input_unit1", np.zeros(0))
    return "each point is a mean of five, " if np.isfinite(known).sum() >= WINDOW else ""


def smooth(values: np.ndarray, window: int = WINDOW) -> np.ndarray:
    """Running mean over ``window`` known values: estimates on one batch scatter."""
    values = values[~np.isnan(values)]
    if len(values) < window:
        return values
    return np.convolve(values, np.full(window, 1 / window), mode="valid")
