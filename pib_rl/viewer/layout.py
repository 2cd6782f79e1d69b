"""Where things are on a panel of any size."""

from __future__ import annotations

import pygame

from pib_rl.viewer.sizes import check_size

LINES = 720  # a panel of so many lines has pixels of unit length


class Layout:
    """Places in pixels, ``scale`` of them per unit of length.

    The task stands left, the hardware right; without a ``task`` the hardware has more room.
    """

    def __init__(self, size: tuple[int, int], task: bool = True) -> None:
        check_size(size)
        self.size, self.task = size, task
        self.scale = min(size[1] / LINES, size[0] / (LINES * 16 / 9))
        top, low, bottom = 0.085, 0.755, 0.945
        split, middle, late = (0.44, 0.565, low) if task else (0.28, top, 0.4)
        self.header = self._place(0, 0, 1, top)
        self.frame = self._place(0, top, split, middle) if task else pygame.Rect(0, 0, 0, 0)
        self.decision = self._place(0, middle, split, late)
        self.history = self._place(0, late, split, bottom)
        self.hardware = self._place(split, top, 1, low)
        half = split + (1 - split) * 0.5
        self.energy = self._place(split, low, half, bottom)
        self.costs = self._place(half, low, 1, bottom)
        self.footer = self._place(0, bottom, 1, 1)

    def _place(self, left: float, top: float, right: float, bottom: float) -> pygame.Rect:
        """A rectangle from fractions of the panel, with a gap around it."""
        width, height = self.size
        gap = 5 * self.scale
        x, y = left * width + gap, top * height + gap
        return pygame.Rect(round(x), round(y), round(right * width - gap - x), round(bottom * height - gap - y))
