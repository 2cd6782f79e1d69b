"""Numbers of hardware as pictures."""

from __future__ import annotations

import math

import numpy as np


def square(values: np.ndarray, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """A vector as a grey picture: of its own shape, channels averaged, or nearly square, the rest nan."""
    if shape is not None:
        return np.asarray(values.reshape(*shape[:2], -1).mean(2))
    side = math.ceil(math.sqrt(len(values)))
    rows = math.ceil(len(values) / side)
    return np.pad(values.astype(float), (0, rows * side - len(values)), constant_values=np.nan).reshape(rows, side)


def tiles(pictures: np.ndarray, across: int) -> np.ndarray:
    """Pictures, shape (n, rows, columns), side by side as one, ``across`` of them in a row, a line of nan between."""
    n, rows, columns = pictures.shape
    down = -(-n // across)
    framed = np.full((down * across, rows + 1, columns + 1), np.nan)
    framed[:n, :rows, :columns] = pictures
    whole = framed.reshape(down, across, rows + 1, columns + 1).swapaxes(1, 2)
    return whole.reshape(down * (rows + 1), across * (columns + 1))[:-1, :-1]
