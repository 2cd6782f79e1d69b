"""What tasks draw, as pictures that can be shown."""

from __future__ import annotations

from typing import Any

import numpy as np

SMALLEST = 200  # pixels of the longer side; smaller pictures are enlarged


def as_frame(drawn: Any) -> np.ndarray | None:
    """A picture, shape (height, width, 3), uint8; None where there is none.

    Numbers in 0..1 become bytes. Pixels of small pictures, such as one per square of a board, become squares.

    Args:
        drawn: What an environment's ``render`` gave.
    """
    if not isinstance(drawn, np.ndarray) or drawn.ndim != 3:
        return None
    if drawn.dtype != np.uint8:
        drawn = np.round(255 * np.clip(drawn.astype(float), 0, 1)).astype(np.uint8)
    longer = max(drawn.shape[:2])
    if longer < SMALLEST:
        factor = -(-SMALLEST // longer)
        drawn = drawn.repeat(factor, 0).repeat(factor, 1)
    return np.asarray(drawn)
