"""What a probe finds: numbers for the table, and curves for a figure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, runtime_checkable

from torch import Tensor

from pib_rl.physical.substrate import Array, Medium, Substrate


class Chip(NamedTuple):
    """A medium and an array behind it, of one substrate."""

    substrate: Substrate
    medium: Medium
    array: Array


@dataclass
class Curve:
    """A line or, with ``bars``, a histogram.

    Args:
        label: What it shows.
        x: Shape (n,), for bars the n + 1 edges.
        y: Shape (n,).
        spread: Standard deviation around it, shape (n,), or None.
        bars: Whether it is a histogram.
    """

    label: str
    x: Tensor
    y: Tensor
    spread: Tensor | None = None
    bars: bool = False


@dataclass
class Finding:
    """Outcome of a probe.

    Args:
        title: What was probed.
        across: Label of the horizontal axis, with unit.
        up: Label of the vertical axis, with unit.
        numbers: Name with unit: value.
        curves: What to draw; nothing draws no figure.
        log: Axes that are logarithmic, of "x" and "y".
    """

    title: str
    across: str = ""
    up: str = ""
    numbers: dict[str, float] = field(default_factory=dict)
    curves: list[Curve] = field(default_factory=list)
    log: str = ""


Probe = Callable[[Chip], Finding | None]  # None where the chip has nothing of the kind


@runtime_checkable
class Pulses(Protocol):
    """An array whose devices take single pulses."""

    def pulse(self, pulses: Tensor) -> None:
        """Sends so many pulses to each weight, whole numbers, positive upwards."""

    def settle(self) -> None:
        """Takes note of what changed."""


@runtime_checkable
class Shines(Protocol):
    """A medium that has intensities, before any detector sees them."""

    def intensity(self, drive: Tensor) -> Tensor:
        """Noise-free intensities, shape (n, out_features), in units of their mean."""


def histogram(values: Tensor, bins: int, low: float, high: float) -> tuple[Tensor, Tensor]:
    """Edges, shape (bins + 1,), and probability density, shape (bins,), of values of any shape."""
    import torch

    counts = torch.histc(values.float(), bins, low, high)
    edges = torch.linspace(low, high, bins + 1)
    return edges, counts / (values.numel() * (high - low) / bins)
