"""Where things are on a panel of any size."""

from __future__ import annotations

from dataclasses import dataclass

import pygame

from pib_rl.viewer.sizes import check_size

LINES = 720  # a panel of so many lines has pixels of unit length


@dataclass(frozen=True)
class Layout:
    """Places in pixels. The task stands left, the hardware right; without a task the hardware has more room.

    Args:
        size: Width and height of the panel.
        task: Whether there is a frame of a task.

    Raises:
        ValueError: If the size is out of range.
    """

    size: tuple[int, int]
    task: bool = True

    def __post_init__(self) -> None:
        check_size(self.size)

    @property
    def scale(self) -> float:
        """Pixels per unit of length."""
        return min(self.size[1] / LINES, self.size[0] / (LINES * 16 / 9))

    @property
    def _split(self) -> float:
        return 0.44 if self.task else 0.28

    def _place(self, left: float, top: float, right: float, bottom: float) -> pygame.Rect:
        """A rectangle from fractions of the panel, with a gap around it."""
        width, height = self.size
        gap = 5 * self.scale
        x, y = left * width + gap, top * height + gap
        return pygame.Rect(round(x), round(y), round(right * width - gap - x), round(bottom * height - gap - y))

    @property
    def header(self) -> pygame.Rect:
        """Title, return, tags."""
        return self._place(0, 0, 1, 0.085)

    @property
    def frame(self) -> pygame.Rect:
        """The task; empty if there is none."""
        return self._place(0, 0.085, self._split, 0.565) if self.task else pygame.Rect(0, 0, 0, 0)

    @property
    def decision(self) -> pygame.Rect:
        """Actions and value."""
        return self._place(0, 0.565 if self.task else 0.085, self._split, 0.755 if self.task else 0.4)

    @property
    def history(self) -> pygame.Rect:
        """Returns of episodes, and the learner."""
        return self._place(0, 0.755 if self.task else 0.4, self._split, 0.945)

    @property
    def hardware(self) -> pygame.Rect:
        """Media and arrays."""
        return self._place(self._split, 0.085, 1, 0.755)

    @property
    def energy(self) -> pygame.Rect:
        """Energy by part."""
        return self._place(self._split, 0.755, self._split + (1 - self._split) * 0.5, 0.945)

    @property
    def costs(self) -> pygame.Rect:
        """Counts, age, faults."""
        return self._place(self._split + (1 - self._split) * 0.5, 0.755, 1, 0.945)

    @property
    def footer(self) -> pygame.Rect:
        """What happened last."""
        return self._place(0, 0.945, 1, 1)
