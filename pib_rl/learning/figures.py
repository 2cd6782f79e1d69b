"""Pictures of a run of learning: confusion, what the hardware saw, and where features lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from sklearn.manifold import TSNE

from pib_rl.agents.estimators.encoder import PIBEncoder
from pib_rl.agents.network.model import PhysicalModel
from pib_rl.common.grid import square
from pib_rl.common.palette import GREY, PALETTE
from pib_rl.figures.curves import literal, new_figure
from pib_rl.figures.styles import style
from pib_rl.figures.weights import show_weights
from pib_rl.physical.substrate import Read

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 4  # samples in the picture of the hardware
MAPPED = 1000  # samples in the picture of the features
PERPLEXITY = 30
DISTINCT = 20  # classes that are told apart and named
FEWEST = 5  # samples that t-SNE can place


def confusion(truth: np.ndarray, guess: np.ndarray, labels: np.ndarray, title: str) -> Figure:
    """How many samples of each class were taken for which."""
    counts = np.zeros((len(labels), len(labels)), dtype=int)
    np.add.at(counts, (np.searchsorted(labels, truth), np.searchsorted(labels, guess)), 1)
    figure = new_figure(6.0, 5.4)
    axes = figure.add_subplot()
    fractions = counts / counts.sum(1, keepdims=True).clip(1)
    axes.imshow(fractions, cmap="Blues", vmin=0, vmax=1)
    names = [literal(label) for label in labels]
    axes.set(
        xlabel="predicted class", ylabel="true class", title=title, xticks=range(len(names)), yticks=range(len(names))
    )
    axes.set_xticklabels(names, rotation=90 if max(map(len, names)) > 2 else 0)
    axes.set_yticklabels(names)
    if len(names) <= DISTINCT:
        for row, column in np.argwhere(counts):
            axes.text(
                column,
                row,
                str(counts[row, column]),
                ha="center",
                va="center",
                fontsize=7,
                color="white" if fractions[row, column] > 0.5 else "0.2",
            )
    return figure


def predictions(truth: np.ndarray, guess: np.ndarray, title: str) -> Figure:
    """Predicted values over true ones.

    Args:
        truth: True values, shape (n,), shown in their own unit; or (n, k), each shown as distance from the mean of its
            true values, in standard deviations of those. The first ones are shown, as many as there are colours.
        guess: Predicted values, of the same shape.
        title: Title.
    """
    several = truth.ndim > 1
    if several:
        middle, spread = truth.mean(0), truth.std(0)
        truth, guess = ((part - middle) / np.where(spread > 0, spread, 1.0) for part in (truth, guess))
    figure = new_figure(6.0, 5.4)
    axes = figure.add_subplot()
    columns = zip(truth.reshape(len(truth), -1).T, guess.reshape(len(guess), -1).T, range(len(PALETTE)), strict=False)
    for known, found, index in columns:
        axes.plot(known, found, linestyle="", markersize=3, alpha=0.6, label=f"value {index + 1}", **style(index))
    axes.axline((truth.flat[0], truth.flat[0]), slope=1, color=GREY, linestyle=":", label="right")
    unit = " [standard deviations from the mean]" if several else ""
    axes.set(xlabel=f"true value{unit}", ylabel=f"predicted value{unit}", title=title)
    axes.grid(alpha=0.25)
    if several:
        axes.legend(fontsize=8)
    return figure


def hardware(model: PhysicalModel, x: torch.Tensor, image: tuple[int, ...] | None, title: str) -> Figure:
    """What some samples look like on their way: input, outputs of every medium; and the weights of every array.

    Args:
        model: The network.
        x: Raw inputs, shape (n, features); the first four are shown.
        image: Height, width and perhaps channels of the inputs, if they are images.
        title: Title.
    """
    network = model.network
    seen = network.measure(model.inputs(x[:SHOWN]), Read.NOISY)
    sizes = [unit.medium.out_features for unit in network.chain[1:]] + [network.last.out_features]
    layers = [("input", x[:SHOWN]), ("medium 1", network.chain[0].tap(seen.h[0]))]
    layers += [(f"medium {number}", part) for number, part in enumerate(torch.split(seen.taps, sizes, 1), 2)]
    arrays = [(f"array {number}", unit.array) for number, unit in enumerate(network.chain, 1)]
    arrays.append(("readout", model.readout.array))
    columns = max(len(layers), len(arrays))
    figure, grid = _image_grid(SHOWN + 1, columns, (2.0 * columns, 1.7 * (SHOWN + 1.2)), title)
    for column, (name, values) in enumerate(layers):
        _draw_column(grid[:, column], name, values.cpu().numpy(), image if name == "input" else None)
    for column, (name, array) in enumerate(arrays):
        weights = array.weights().cpu().numpy()
        limit = show_weights(grid[-1, column], weights).norm.vmax
        grid[-1, column].set_title(f"weights of {name}\n-{limit:.2g} to {limit:.2g}", fontsize=8)
    return figure


def views(
    model: PIBEncoder, x: np.ndarray, other: np.ndarray | None, image: tuple[int, ...] | None, title: str
) -> Figure:
    """Some samples, two views of each, and what the decoder makes of either.

    Args:
        model: The encoder, fitted.
        x: Raw inputs, shape (n, features), n >= 2; the first four are shown.
        other: What they looked like at another time, if that is known.
        image: Height, width and perhaps channels of the inputs, if they are images.
        title: Title.
    """
    x, other = x[:SHOWN], None if other is None else other[:SHOWN]
    rows = [("sample", x)]
    for number, view in enumerate(model.view(x, other=other), 1):
        decoded = model.inverse_transform(model.transform(view))
        rows += [(f"view {number}", view), (f"decoded from view {number}", decoded)]
    figure, grid = _image_grid(len(x), len(rows), (1.7 * len(rows), 1.6 * len(x) + 0.6), title)
    for column, (name, values) in enumerate(rows):
        _draw_column(grid[:, column], name, values, image)
    return figure


def _image_grid(rows: int, columns: int, size: tuple[float, float], title: str) -> tuple[Figure, np.ndarray]:
    """A figure of pictures without axes, and its places, shape (rows, columns)."""
    figure = new_figure(*size)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    figure.suptitle(title, fontsize=10)
    return figure, grid


def _draw_column(places: np.ndarray, name: str, values: np.ndarray, image: tuple[int, ...] | None) -> None:
    """Samples below each other, a picture each, all on one scale that the title tells."""
    low, high = float(np.min(values)), float(np.max(values))
    places[0].set_title(f"{name}\n{low:.2g} to {high:.2g}", fontsize=8)
    for axes, value in zip(places, values, strict=False):
        axes.imshow(square(value, image), cmap="gray", vmin=low, vmax=high)


def placed(values: np.ndarray, seed: int) -> np.ndarray:
    """Places in the plane, shape (n, 2), by t-SNE; the first two features where there is too little for that."""
    size = values.std()
    if len(values) < FEWEST or values.shape[1] < 2 or not size > 0:
        return np.pad(values, ((0, 0), (0, 1)))[:, :2]
    spread = min(PERPLEXITY, (len(values) - 1) / 3)
    return np.asarray(TSNE(perplexity=spread, init="random", random_state=seed).fit_transform(values / size))


def features(values: np.ndarray, labels: np.ndarray | None, seed: int, title: str) -> Figure:
    """t-SNE map of features, each class with its colour and marker if there are labels.

    Args:
        values: Features, shape (n, d).
        labels: Shape (n,), or None.
        seed: Of the map.
        title: Title.
    """
    values = values[:MAPPED]
    labels = np.zeros(len(values)) if labels is None else labels[:MAPPED]
    across, up = placed(values, seed).T
    figure = new_figure(6.2, 5.4)
    axes = figure.add_subplot()
    names = np.unique(labels)
    if len(names) > DISTINCT:
        axes.scatter(across, up, c=np.searchsorted(names, labels), cmap="viridis", s=9)
    else:
        for index, name in enumerate(names):
            here = labels == name
            axes.scatter(across[here], up[here], s=11, linewidths=0, label=literal(name), **style(index))
        if len(names) > 1:
            axes.legend(fontsize=7, ncols=2)
    axes.set(xticks=[], yticks=[], title=title)
    return figure
