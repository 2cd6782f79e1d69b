"""What a part of the hardware may offer beyond its interface: found by its methods, not by its name."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor


@runtime_checkable
class Conductive(Protocol):
    """Each weight is the difference of two conductances."""

    def conductances(self) -> Tensor:
        """G+ and G-, shape (2, out_features, in_features), 0..1 of the largest."""


@runtime_checkable
class PulseDriven(Protocol):
    """Devices move by pulses."""

    def pulse(self, pulses: Tensor) -> None:
        """Sends trains of pulses: whole numbers, positive upwards, shape (out_features, in_features)."""

    def settle(self) -> None:
        """Takes note of what moved."""


@runtime_checkable
class Luminous(Protocol):
    """A medium that turns drives into light on detectors."""

    def intensity(self, drive: Tensor) -> Tensor:
        """Noise-free light, shape (n, out_features), from drives, shape (n, in_features)."""
