"""Digital-to-analog and analog-to-digital converters."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


def check_bits(name: str, bits: int | None) -> None:
    """Raises ValueError unless ``bits`` is None or in 2..24."""
    if bits is not None and not 2 <= bits <= 24:
        raise ValueError(f"{name} must be None or in 2..24, got {bits}")


@dataclass(frozen=True)
class Converter:
    """A uniform converter that saturates at the ends of its range.

    With ``bits`` = b there are 2^b codes spread evenly over [low, high], both ends included for unsigned ranges.
    A range that is symmetric about 0 uses the 2^b - 1 codes of a mid-tread converter, so that 0 is exact.

    Args:
        bits: Resolution, or None for a converter with no quantisation (it still saturates).
        low: Smallest value, in the unit of the converted quantity.
        high: Largest value, same unit.

    Raises:
        ValueError: If bits is not in 2..24 or the range is empty.
    """

    bits: int | None
    low: float
    high: float

    def __post_init__(self) -> None:
        check_bits("converter bits", self.bits)
        if not self.low < self.high:
            raise ValueError(f"converter range needs low < high, got {self.low}..{self.high}")

    @property
    def step(self) -> float:
        """Distance of two codes, in the unit of the converted quantity; 0 without quantisation."""
        if self.bits is None:
            return 0.0
        return (self.high - self.low) / (self._codes - 1)

    @property
    def _codes(self) -> int:
        assert self.bits is not None
        return int(2**self.bits) - (1 if self.low == -self.high else 0)

    def __call__(self, value: Tensor) -> Tensor:
        """Converts ``value`` (any shape), round to nearest, saturating."""
        if self.bits is None:
            return value.clamp(self.low, self.high)
        if self.low == -self.high:
            top = (self._codes - 1) // 2
            return value.mul(1.0 / self.step).round_().clamp_(-top, top).mul_(self.step)
        codes = value.sub(self.low).mul_(1.0 / self.step).round_().clamp_(0, self._codes - 1)
        return codes.mul_(self.step).add_(self.low)
