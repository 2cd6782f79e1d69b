"""Figures of a run, drawn from its progress.csv."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

UNIT_COLOURS = ("#0b6e99", "#d1495b", "#66a182", "#edae49", "#6a4c93", "#8d6b4f")


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


def headed(axes: Axes, title: str, share: float = 0.9, least: float = 6.0) -> None:
    """Gives axes a title in letters that let it stay in its picture.

    Args:
        axes: The axes, as wide as their figure but for what stands beside them.
        title: The title.
        share: Of the figure's width that there is for it.
        least: Smallest height of letters, in points; what is longer then is cut.
    """
    label = axes.set_title(title)
    room, size = share * axes.figure.bbox.width, float(label.get_fontsize())
    while (wide := label.get_window_extent().width) > room and size > least:
        size = max(least, size * min(0.97, room / wide))
        label.set_fontsize(size)
    while label.get_window_extent().width > room and len(title) > 1:
        title = title[:-1]
        label.set_text(f"{title}...")


def learning_curve(progress: dict[str, np.ndarray], title: str, threshold: float | None) -> Figure:
    """Reward of training episodes and of greedy evaluations over environment steps."""
    figure = new_figure()
    axes = figure.add_subplot()
    steps = progress.get("time/total_timesteps", np.zeros(0))
    for key, label, style in (
        ("rollout/ep_rew_mean", "training episodes (exploring, mean of the last 100)", "-"),
        ("eval/mean_reward", "evaluation (greedy, noisy hardware)", "o-"),
    ):
        if key in progress:
            known = ~np.isnan(progress[key])
            colour = UNIT_COLOURS[0] if style == "-" else UNIT_COLOURS[1]
            at = progress.get("eval/timesteps", steps) if key.startswith("eval/") else steps
            axes.plot(at[known], progress[key][known], style, label=label, color=colour, markersize=3.5)
    if threshold is not None:
        axes.axhline(threshold, color="0.6", linestyle="--", linewidth=1, label=f"solved: {threshold:g}")
    axes.set(xlabel="environment steps", ylabel="return per episode")
    headed(axes, title)
    axes.grid(alpha=0.25)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8)
    return figure


def information_plane(progress: dict[str, np.ndarray], title: str, end: str = "end of training") -> Figure:
    """I(X; Z) against I(Z; Y) of every unit over training, light at the start and full at the ``end``."""
    figure = new_figure(6.0, 4.8)
    axes = figure.add_subplot()
    units = sorted(int(key.rsplit("unit", 1)[1]) for key in progress if key.startswith("information/input_unit"))
    for unit in units:
        across, up = (smooth(progress[f"information/{kind}_unit{unit}"]) for kind in ("input", "target"))
        colour = UNIT_COLOURS[(unit - 1) % len(UNIT_COLOURS)]
        shade = np.linspace(0.15, 1.0, len(across))
        axes.plot(across, up, color=colour, linewidth=0.6, alpha=0.4)
        axes.scatter(across, up, s=14, color=[(colour, share) for share in shade], edgecolors="none")
        if len(across):
            axes.scatter(across[-1:], up[-1:], s=70, color=colour, edgecolors="black", label=f"unit {unit}")
    axes.set(xlabel="I(X; Z): information on the input [nats]", ylabel="I(Z; Y): information on the target [nats]")
    headed(axes, title)
    axes.grid(alpha=0.25)
    if units:
        axes.legend(fontsize=8, title=end, title_fontsize=8)
    return figure


def smooth(values: np.ndarray, window: int = 5) -> np.ndarray:
    """Running mean over ``window`` known values: estimates on one batch scatter."""
    values = values[~np.isnan(values)]
    if len(values) < window:
        return values
    return np.convolve(values, np.full(window, 1 / window), mode="valid")
