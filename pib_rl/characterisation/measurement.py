"""What is measured of a chip: numbers, lines of a table, a picture."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from pib_rl.characterisation.test_chip import TestChip
from pib_rl.common.palette import BLUE

SMALL = 8  # points, of labels


class Measurement(ABC):
    """One kind of measurement of a chip."""

    name: ClassVar[str]  # of its picture, without ending, and of its numbers in the report
    title: ClassVar[str]  # of its picture

    @classmethod
    @abstractmethod
    def measure(cls, chip: TestChip) -> Measurement | None:
        """Measures a chip, which stays as it was; None if the chip has nothing of the kind."""

    @abstractmethod
    def numbers(self) -> dict[str, Any]:
        """Plain data for the report."""

    @abstractmethod
    def rows(self) -> list[tuple[str, str]]:
        """Key numbers for people: what, and how much with its unit."""

    @abstractmethod
    def labels(self) -> list[tuple[str, str]]:
        """Label across and label up of each of its panels, which stand side by side."""

    @abstractmethod
    def plot(self, axes: list[Any]) -> None:
        """Draws it on the axes of its panels."""

    def draw(self, canvas: Any) -> None:
        """Draws it, with title and legends, on an empty figure of matplotlib, or part of one."""
        canvas.suptitle(self.title, fontsize=11)
        row = list(canvas.subplots(1, len(self.labels()), squeeze=False)[0])
        for axes, (across, up) in zip(row, self.labels(), strict=True):
            axes.set_xlabel(across, fontsize=SMALL)
            axes.set_ylabel(up, fontsize=SMALL)
            axes.tick_params(labelsize=SMALL)
            axes.grid(alpha=0.25)
        self.plot(row)
        for axes in row:
            if axes.get_legend() is None and axes.get_legend_handles_labels()[0]:
                axes.legend(fontsize=SMALL)


def plot_band(axes: Any, across: Sequence[float], values: Tensor, label: str, colour: str = BLUE) -> None:
    """The mean of ``values``, shape (n, channels), as a line over n positions, and where 80 % of them lie as a band."""
    low, high = spread(values)
    axes.plot(across, values.mean(1), color=colour, label=f"mean of {label}")
    axes.fill_between(across, low, high, color=colour, alpha=0.2, linewidth=0, label=f"80 % of {label}")


def plot_few(axes: Any, across: Sequence[float], values: Tensor, label: str, colour: str) -> None:
    """Four of the channels in ``values``, shape (n, channels), as thin lines."""
    few = values[:, :: max(1, values.shape[1] // 4)][:, :4]
    axes.plot(across, few, color=colour, linewidth=0.6, label=[label, *[None] * (few.shape[1] - 1)])


def scatter(axes: Any, across: Tensor, up: Tensor, label: str) -> None:
    """Many small points."""
    axes.scatter(across, up, s=3, color=BLUE, alpha=0.3, edgecolors="none", rasterized=True, label=label)


def spread(values: Tensor) -> tuple[Tensor, Tensor]:
    """Between which bounds the middle 80 % of the last dimension lie."""
    low, high = torch.quantile(values.double(), torch.tensor([0.1, 0.9], dtype=torch.float64), dim=-1)
    return low, high
