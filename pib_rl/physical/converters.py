"""Digital-to-analog and analog-to-digital converters."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor, nn

from pib_rl.common.options import BITS, check_numbers
from pib_rl.common.state import Valid
from pib_rl.physical.part import restore_after_loading


def check_inl(name: str, inl: float) -> None:
    """Raises ValueError unless ``inl`` is below a quarter in size: beyond, the transfer curve is not monotonic."""
    if not abs(inl) < 0.25:
        raise ValueError(f"{name} must be below 0.25 in size, got {inl}")


@dataclass(frozen=True)
class Converter:
    """A uniform converter that saturates at the ends of its range.

    With ``bits`` = b there are 2^b codes spread evenly over [low, high], both ends included for unsigned ranges.
    A range that is symmetric about 0 uses the 2^b - 1 codes of a mid-tread converter, so that 0 is exact.

    With integral nonlinearity (INL), a value at the fraction u of the range comes out by inl (high - low) 4 u (1 - u)
    too high: a parabola, largest in the middle. The usual unit of an INL is a step, here it is the range.

    Raises:
        ValueError: If bits is not in 2..24, the range is empty, or the curve not monotonic.
    """

    bits: int | None  # resolution, or None for a converter with no quantisation (it still saturates)
    low: float  # smallest value, in the unit of the converted quantity
    high: float  # largest value, same unit
    inl: float = 0.0  # largest integral nonlinearity, relative to the range

    def __post_init__(self) -> None:
        check_numbers(self, "converter", bits="bits")
        if not self.low < self.high:
            raise ValueError(f"converter range needs low < high, got {self.low}..{self.high}")
        check_inl("converter inl", self.inl)

    @cached_property
    def step(self) -> float:
        """Distance of two codes, in the unit of the converted quantity; 0 without quantisation."""
        return 0.0 if self.bits is None else (self.high - self.low) / self._top

    @cached_property
    def _top(self) -> int:
        """Steps from the lowest to the highest code."""
        assert self.bits is not None
        return int(2**self.bits) - (self.low == -self.high) - 1

    def __call__(self, value: Tensor) -> Tensor:
        """Converts ``value`` (any shape), round to nearest, saturating."""
        if self.inl:
            value = self.apply_inl(value, self.inl)
        if self.bits is None:
            return value.clamp(self.low, self.high)
        if self.low == -self.high:
            top = self._top // 2
            return value.mul(1.0 / self.step).round_().clamp_(-top, top).mul_(self.step)
        codes = value.sub(self.low) if self.low else value
        codes = codes.mul(1.0 / self.step).round_().clamp_(0, self._top).mul_(self.step)
        return codes.add_(self.low) if self.low else codes

    def apply_inl(self, value: Tensor, inl: float) -> Tensor:
        """``value`` (any shape) on a transfer curve of that ``inl``; outside the range it is straight.

        An ADC (``self.inl``) has it in front of its codes; a DAC behind them, where its user calls this.
        """
        fraction = value.sub(self.low).mul_(1 / (self.high - self.low)).clamp_(0, 1)
        return torch.addcmul(value, fraction, 1 - fraction, value=4 * inl * (self.high - self.low))


class FragileConverter(nn.Module):
    """A converter that can lose bits for good; how many it has left is saved with the chip. Arguments as `Converter`.

    Attributes:
        bits: Resolution as a float buffer. What is no whole number in 2..24 stands for no quantisation, so that any
            state can be loaded.
    """

    VALID: ClassVar[Valid] = {"bits": (0.0, float(BITS[-1]))}

    def __init__(self, bits: int | None, low: float, high: float, inl: float = 0.0) -> None:
        super().__init__()
        self.converter = Converter(bits, low, high, inl)
        self.bits = nn.Buffer(torch.tensor(float(bits or 0), dtype=torch.float32))
        restore_after_loading(self)

    @property
    def amplification(self) -> float | Tensor:
        """What an amplifier in front multiplies by, a number or shape (*chips, 1, 1); 1 where there is none."""
        return 1.0

    def forward(self, value: Tensor) -> Tensor:
        """Converts ``value`` (any shape), round to nearest, saturating."""
        return self.converter(value)

    def limit(self, bits: float) -> None:
        """Leaves it no more than so many bits; ValueError unless that is a whole number in 2..24."""
        if bits not in BITS:
            raise ValueError(f"a fault adc-bits leaves whole bits in {BITS[0]}..{BITS[-1]}, got {bits}")
        self.bits.fill_(bits if self.converter.bits is None else min(bits, self.converter.bits))
        self.restore()

    def restore(self) -> None:
        """Makes the converter that the buffers describe; they stay as they are."""
        stored = self.bits.item()
        self.converter = replace(self.converter, bits=int(stored) if stored in BITS else None)
