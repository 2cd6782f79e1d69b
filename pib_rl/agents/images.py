"""Where on an image an array is used: one array, shared by all positions."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from pib_rl.agents.patches import Grid, Patch


class PatchGrid(nn.Module):
    """Cuts images into overlapping squares, and sends what belongs to squares back to pixels (im2col and its adjoint).

    Half a square of dark pixels, drive 0, surrounds the image: a square is centred on every stride-th pixel.

    Args:
        grid: The image.
        patch: The squares.

    Raises:
        ValueError: If a number of the patch is not positive, or a square is larger than the image.
    """

    index: Tensor

    def __init__(self, grid: Grid, patch: Patch) -> None:
        super().__init__()
        for name, value in patch._asdict().items():
            if value < 1:
                raise ValueError(f"the {name} of a patch must be 1 or more, got {value}")
        if patch.size > min(grid.height, grid.width):
            raise ValueError(
                f"patches: a patch of {patch.size} pixels does not fit an image of {grid.height} x {grid.width}; give "
                "it a smaller size"
            )
        self.grid = grid
        pad = (patch.size - 1) // 2
        rows, columns = (torch.arange(0, length, patch.stride) - pad for length in (grid.height, grid.width))
        within = torch.arange(patch.size)
        row = (rows[:, None] + within)[:, None, :, None]  # positions down, positions across, down the square, across it
        column = (columns[:, None] + within)[None, :, None, :]
        outside = (row < 0) | (row >= grid.height) | (column < 0) | (column >= grid.width)
        pixel = (row * grid.width + column).masked_fill(outside, 0)[..., None] * grid.channels
        index = (pixel + torch.arange(grid.channels)).masked_fill(outside[..., None], grid.features)
        self.after = Grid(len(rows), len(columns), patch.channels)
        self.positions = len(rows) * len(columns)
        self.fan_in = patch.size**2 * grid.channels
        self.register_buffer("index", index.reshape(-1), persistent=False)

    def cut(self, image: Tensor) -> Tensor:
        """Squares, shape (..., n positions, fan_in), of images, shape (..., n, features)."""
        padded = torch.cat([image, image.new_zeros(*image.shape[:-1], 1)], -1)
        return padded.index_select(-1, self.index).view(*image.shape[:-2], -1, self.fan_in)

    def join(self, squares: Tensor) -> Tensor:
        """The adjoint of `cut`: what arrives at each pixel, shape (..., n, features)."""
        flat = squares.reshape(*squares.shape[:-2], -1, self.positions * self.fan_in)
        padded = flat.new_zeros(*flat.shape[:-1], self.grid.features + 1)
        return padded.index_add_(-1, self.index, flat)[..., :-1]


class Pool:
    """Means over the squares of an image that tile it; the last ones are smaller where the image is no multiple.

    Args:
        grid: The image.
        size: Pixels in each direction.

    Raises:
        ValueError: If the size is no whole number, 1 or more.
    """

    def __init__(self, grid: Grid, size: int) -> None:
        if not isinstance(size, int) or size < 1:
            raise ValueError(f"pool must be a whole number, 1 or more, got {size}")
        self.grid = grid
        self.size = min(size, max(grid.height, grid.width))

    @property
    def features(self) -> int:
        """Length of a vector of all means."""
        return -(-self.grid.height // self.size) * -(-self.grid.width // self.size) * self.grid.channels

    def down(self, image: Tensor) -> Tensor:
        """Means, shape (..., n, cells channels), of images, shape (..., n, features)."""
        pixels = image.reshape(-1, *self.grid).permute(0, 3, 1, 2)
        cells = avg_pool2d(pixels, self.size, ceil_mode=True).permute(0, 2, 3, 1).flatten(1)
        return cells.view(*image.shape[:-1], -1)

    def up(self, cells: Tensor) -> Tensor:
        """The adjoint of `down`: what arrives at each pixel, shape (..., n, features)."""
        grid, size = self.grid, self.size
        down, across = (torch.arange(length, device=cells.device) // size for length in (grid.height, grid.width))
        members = torch.bincount(down)[down][:, None] * torch.bincount(across)[across]
        spread = cells.reshape(-1, int(down[-1]) + 1, int(across[-1]) + 1, grid.channels)[:, down][:, :, across]
        return (spread / members[..., None]).view(*cells.shape[:-1], -1)
