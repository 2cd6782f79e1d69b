"""What an inspection finds: numbers, lines of a table, a picture."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from pib_rl.common.palette import BLUE

SMALL = 8  # points, of labels


class Measurement(ABC):
    """One kind of measurement of a chip.

    Attributes:
        name: Name of its picture, without ending, and of its numbers in the report.
        title: What the picture is called.
    """

    name: ClassVar[str]
    title: ClassVar[str]

    @abstractmethod
    def numbers(self) -> dict[str, Any]:
        """Plain data for the report."""

    @abstractmethod
    def rows(self) -> list[tuple[str, str]]:
        """Key numbers for people: what, and how much with its unit."""

    @abstractmethod
    def draw(self, canvas: Any) -> None:
        """Draws it on an empty figure, or part of one."""


def panels(canvas: Any, title: str, labels: Sequence[tuple[str, str]]) -> list[Any]:
    """Axes side by side under a title.

    Args:
        canvas: A figure of matplotlib, or part of one.
        title: What stands above them.
        labels: Label across and label up of each.
    """
    canvas.suptitle(title, fontsize=11)
    row = canvas.subplots(1, len(labels), squeeze=False)[0]
    for axes, (across, up) in zip(row, labels, strict=True):
        axes.set_xlabel(across, fontsize=SMALL)
        axes.set_ylabel(up, fontsize=SMALL)
        axes.tick_params(labelsize=SMALL)
        axes.grid(alpha=0.25)
    return list(row)


def course(axes: Any, across: Sequence[float], values: Tensor, label: str, colour: str = BLUE) -> None:
    """A mean over channels as a line, and where 80 % of them lie as a band.

    Args:
        axes: Where to draw.
        across: Positions, n of them.
        values: Shape (n, channels).
        label: What the channels are.
        colour: Of line and band.
    """
    low, high = spread(values)
    axes.plot(across, values.mean(1), color=colour, label=f"mean of {label}")
    axes.fill_between(across, low, high, color=colour, alpha=0.2, linewidth=0, label=f"80 % of {label}")


def spread(values: Tensor) -> tuple[Tensor, Tensor]:
    """Between which bounds the middle 80 % of the last dimension lie."""
    low, high = torch.quantile(values.double(), torch.tensor([0.1, 0.9], dtype=torch.float64), dim=-1)
    return low, high
