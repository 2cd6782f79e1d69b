"""Colours of pictures that pygame paints: the palette of all figures as red, green and blue, and ramps of numbers."""

from __future__ import annotations

from functools import cache

import numpy as np

from pib_rl.common import palette

Colour = tuple[int, int, int]


def rgb(css: str) -> Colour:
    """Red, green and blue, 0..255, of a colour such as "#0b6e99"."""
    red, green, blue = bytes.fromhex(css[1:])
    return red, green, blue


BLUE, RED, GREEN, AMBER = (rgb(css) for css in palette.PALETTE[:4])
INK, GREY, FAINT, PAPER = (rgb(css) for css in (palette.INK, palette.GREY, palette.FAINT, palette.PAPER))
HUES = (*map(rgb, palette.PALETTE), GREY)
GROUND: Colour = (241, 243, 245)  # between boxes, and of bars where they are empty
PALE: Colour = (133, 182, 204)  # a blue for what is not chosen, or not yet over

SHADES = 256


@cache
def ramp(signed: bool) -> np.ndarray:
    """Colours from low to high, shape (256, 3), uint8: viridis, or blue over white to red for signed numbers."""
    from matplotlib import colormaps

    table: np.ndarray = colormaps["RdBu_r" if signed else "viridis"](np.linspace(0, 1, SHADES))[:, :3]
    return np.asarray(np.round(255 * table), dtype=np.uint8)


def coloured(values: np.ndarray, limit: float, signed: bool) -> np.ndarray:
    """Numbers, shape (rows, columns), as colours, shape (rows, columns, 3), uint8; see `pib_rl.viewer.scene.Heatmap`.

    nan is nothing: the colour between boxes.
    """
    fraction = (values / limit + 1) / 2 if signed else values / limit
    nothing = np.isnan(fraction)
    index = (np.clip(np.where(nothing, 0, fraction), 0, 1) * (SHADES - 1)).round().astype(np.intp)
    picture = ramp(signed)[index]
    picture[nothing] = GROUND
    return picture
