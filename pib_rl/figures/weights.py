"""Pictures of what the arrays of a chip hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pib_rl.agents.network.model import PhysicalModel
from pib_rl.figures.curves import new_figure
from pib_rl.physical.substrate import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def arrays_of(model: PhysicalModel) -> dict[str, Array]:
    """The arrays of a policy or an estimator by name: ``unit1``, ``unit2`` and so on, then ``readout``."""
    arrays = {f"unit{number}": unit.array for number, unit in enumerate(model.network.chain, 1)}
    return arrays | {"readout": model.readout.array}


def show_weights(axes: Any, weights: np.ndarray, interpolation: str | None = None) -> Any:
    """Draws weights, shape (out, in), an output per row; red is negative, blue positive, white 0.

    The colours are full at the 0.99 quantile of the finite absolute values, so that a few large weights don't pale the
    others; at 1 where all weights are 0. ``interpolation`` is that of matplotlib's ``imshow``.

    Returns:
        The picture, for a colour bar.
    """
    finite = np.abs(weights[np.isfinite(weights)])
    limit = (np.quantile(finite, 0.99) if finite.size else 0.0) or 1.0
    return axes.imshow(weights, cmap="RdBu", vmin=-limit, vmax=limit, aspect="auto", interpolation=interpolation)


def weight_figure(weights: np.ndarray, title: str) -> Figure:
    """One array: weights, shape (out, in), in units of weight, with their scale; no pixel mixes two weights."""
    from matplotlib.ticker import MaxNLocator

    figure = new_figure(5.0, 4.2)
    axes = figure.add_subplot()
    figure.colorbar(show_weights(axes, weights, "nearest"), ax=axes, label="weight", extend="both")
    axes.set(xlabel="input", ylabel="output")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True))
    axes.set_title(title, fontsize=9)
    return figure
