"""Where on an image an array is used: one array, shared by all positions."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn


class Grid(NamedTuple):
    """An image as a vector: feature (row width + column) channels + channel."""

    height: int
    width: int
    channels: int = 1

    @property
    def features(self) -> int:
        """Length of the vector."""
        return self.height * self.width * self.channels


class Patch(NamedTuple):
    """What a patch unit looks at: squares of ``size`` pixels, ``stride`` apart, each answered by ``channels`` outputs."""

    channels: int
    size: int
    stride: int


class Layout(nn.Module):
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
            raise ValueError(f"a patch of {patch.size} pixels does not fit an image of {grid.height} x {grid.width}")
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
        """Squares, shape (n positions, fan_in), of images, shape (n, features)."""
        padded = torch.cat([image, image.new_zeros(len(image), 1)], 1)
        return padded[:, self.index].view(-1, self.fan_in)

    def join(self, squares: Tensor) -> Tensor:
        """The adjoint of `cut`: what arrives at each pixel, shape (n, features)."""
        flat = squares.reshape(-1, self.positions * self.fan_in)
        padded = flat.new_zeros(len(flat), self.grid.features + 1)
        return padded.index_add_(1, self.index, flat)[:, :-1]


class Pool(nn.Module):
    """Means over the squares of an image that tile it; the last ones are smaller where the image is no multiple.

    Args:
        grid: The image.
        size: Pixels in each direction.

    Raises:
        ValueError: If the size is not positive.
    """

    share: Tensor

    def __init__(self, grid: Grid, size: int) -> None:
        super().__init__()
        if size < 1:
            raise ValueError(f"the size of a pool must be 1 or more, got {size}")
        down, across = (torch.arange(length) // size for length in (grid.height, grid.width))
        cell = (down[:, None] * (across[-1] + 1) + across).reshape(-1)
        belongs = (cell == torch.arange(int(cell.max()) + 1)[:, None]).float()
        self.channels = grid.channels
        self.register_buffer("share", belongs / belongs.sum(1, keepdim=True), persistent=False)

    def down(self, image: Tensor) -> Tensor:
        """Means, shape (n, cells channels), of images, shape (n, features)."""
        return (self.share @ image.view(len(image), -1, self.channels)).view(len(image), -1)

    def up(self, cells: Tensor) -> Tensor:
        """The adjoint of `down`: what arrives at each pixel, shape (n, features)."""
        return (self.share.T @ cells.view(len(cells), -1, self.channels)).view(len(cells), -1)
