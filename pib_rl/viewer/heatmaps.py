"""What a unit is driven with and what its medium shows, as heatmaps; of patch units as images."""

from __future__ import annotations

import math

import numpy as np

from pib_rl.agents.images import PatchGrid
from pib_rl.common.grid import square, tiles
from pib_rl.physical.substrate import Medium
from pib_rl.viewer.scene import Heatmap

DRIVES = 3.0  # standard deviations of a drive that end the colours of drives
CHANNELS, MAPS = 10, 9  # channels of an image, and outputs of a medium, that there is room for


def show_drive(drive: np.ndarray, squares: PatchGrid | None) -> Heatmap:
    """What a medium is driven with, shape (1, in); of a patch unit its image, channel by channel."""
    if squares is None:
        return Heatmap("drive", drive, DRIVES, True, "sigma")
    grid = squares.grid
    channels = drive.reshape(grid).transpose(2, 0, 1)[:CHANNELS]
    across = len(channels) if len(channels) <= CHANNELS // 2 else CHANNELS // 2
    title = f"image: {grid.height} x {grid.width} x {grid.channels}"
    return Heatmap(title, tiles(channels, across), DRIVES, True, "sigma")


def show_medium(light: np.ndarray, squares: PatchGrid | None, medium: Medium, limit: float, signed: bool) -> Heatmap:
    """What a medium shows, shape (1, out); of a patch unit, (squares, out), its first outputs as images of the squares.

    ``limit`` and ``signed`` are those of `Heatmap`.
    """
    if squares is None:
        title, picture = f"{medium.shows}: {medium.out_features}", square(light[0])
    else:
        maps = light.T[:MAPS].reshape(-1, squares.after.height, squares.after.width)
        title = f"{medium.shows}: {len(maps)} of {medium.out_features}"
        picture = tiles(maps, math.ceil(len(maps) ** 0.5))
    return Heatmap(title, picture, limit, signed, medium.shown_unit)
