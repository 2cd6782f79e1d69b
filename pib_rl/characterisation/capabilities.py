"""What a part of the hardware may offer beyond its interface: found by its methods, not by its name."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor

from pib_rl.physical.substrate import Medium


@runtime_checkable
class Conductive(Protocol):
    """Each weight is the difference of two conductances."""

    def conductances(self) -> tuple[Tensor, Tensor]:
        """G+ and G-, shape (out_features, in_features) each, 0..1 of the largest."""


@runtime_checkable
class PulseDriven(Protocol):
    """Devices move by pulses."""

    def pulse(self, pulses: Tensor) -> None:
        """Sends trains of pulses: whole numbers, positive upwards, shape (out_features, in_features)."""

    def settle(self) -> None:
        """Takes note of what moved."""


@runtime_checkable
class Luminous(Protocol):
    """A medium that turns drives, or phases that it makes of them, into light on detectors."""

    def intensity(self, drive: Tensor) -> Tensor:
        """Noise-free light, shape (n, out_features), from drives or phases, shape (n, in_features)."""


@runtime_checkable
class Phased(Protocol):
    """A medium whose modulators turn drives into phases first."""

    def phase(self, drive: Tensor) -> Tensor:
        """Phases in radians, of the shape of the drives."""


def light(medium: Medium, drive: Tensor) -> Tensor | None:
    """Noise-free light on the detectors, shape (n, out_features), from drives, shape (n, in_features).

    None where the medium tells of no light.
    """
    if not isinstance(medium, Luminous):
        return None
    return medium.intensity(medium.phase(drive) if isinstance(medium, Phased) else drive)
