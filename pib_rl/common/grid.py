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
