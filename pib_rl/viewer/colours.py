"""Colours of panels. Ramps and hues stay apart for colour-blind eyes."""

from __future__ import annotations

from functools import cache

import numpy as np

Colour = tuple[int, int, int]

PAPER: Colour = (241, 243, 245)
CARD: Colour = (255, 255, 255)
EDGE: Colour = (205, 211, 217)
INK: Colour = (26, 31, 36)
MUTED: Colour = (88, 99, 109)

# Okabe & Ito, Color Universal Design (2008).
BLUE: Colour = (0, 114, 178)
ORANGE: Colour = (230, 159, 0)
GREEN: Colour = (0, 158, 115)
RED: Colour = (213, 94, 0)
PURPLE: Colour = (204, 121, 167)
SKY: Colour = (86, 180, 233)
BLACK: Colour = (60, 60, 60)
HUES = (BLUE, ORANGE, GREEN, RED, PURPLE, SKY, BLACK)

SHADES = 256


@cache
def ramp(signed: bool) -> np.ndarray:
    """Colours from low to high, shape (256, 3), uint8: viridis, or blue over white to red for signed numbers."""
    from matplotlib import colormaps

    table: np.ndarray = colormaps["RdBu_r" if signed else "viridis"](np.linspace(0, 1, SHADES))[:, :3]
    return np.asarray(np.round(255 * table), dtype=np.uint8)


def coloured(values: np.ndarray, limit: float, signed: bool) -> np.ndarray:
    """Numbers as colours.

    Args:
        values: Shape (rows, columns); nan is nothing, the colour of paper.
        limit: See `pib_rl.viewer.scene.Picture`.
        signed: Colours diverge from 0.

    Returns:
        Shape (rows, columns, 3), uint8.
    """
    share = values / limit
    share = (share + 1) / 2 if signed else share
    nothing = np.isnan(share)
    index = (np.clip(np.where(nothing, 0, share), 0, 1) * (SHADES - 1)).round().astype(np.intp)
    picture = ramp(signed)[index]
    if nothing.any():
        picture[nothing] = PAPER
    return picture
