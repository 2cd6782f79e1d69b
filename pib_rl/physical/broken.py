"""What faults of several kinds of hardware share: parts struck at random, and converters that lose bits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from pib_rl.physical.converters import Converter, check_bits
from pib_rl.physical.streams import FAULT, Streams


def struck(kind: str, share: float, like: Tensor, streams: Streams) -> Tensor:
    """Which parts a fault hits, each by itself with probability ``share``: truth values of the shape of ``like``.

    Raises:
        ValueError: If the share lies outside 0..1.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"a fault {kind} hits a share of all and must be in 0..1, got {share}")
    return streams.uniform(FAULT, like) < share


class Adc(nn.Module):
    """An analog-to-digital converter whose number of bits is state of the chip.

    Args:
        bits: Resolution, or None for a converter with no quantisation (it still saturates).
        low: Smallest value, in the unit of the converted quantity.
        high: Largest value, same unit.

    Attributes:
        convert: The converter itself.
        bits: Its resolution as a float, so that a converter that lost bits is saved and loaded so. What is no number of
            bits, as 0, stands for none.
    """

    convert: Converter
    bits: Tensor

    def __init__(self, bits: int | None, low: float, high: float) -> None:
        super().__init__()
        check_bits("converter bits", bits)
        self.low, self.high = low, high
        self.register_buffer("bits", torch.tensor(float(bits or 0)))
        self.rebuild()
        watch: Callable[..., Any] = self.register_load_state_dict_post_hook
        watch(_loaded)

    def rebuild(self) -> None:
        """Makes the converter that ``bits`` stands for."""
        bits = self.bits.item()
        whole = float(bits).is_integer() and 2 <= bits <= 24
        self.convert = Converter(int(bits) if whole else None, self.low, self.high)

    def lose(self, bits: float) -> None:
        """No more than ``bits`` bits are left.

        Raises:
            ValueError: If that is no whole number in 2..24.
        """
        if not (float(bits).is_integer() and 2 <= bits <= 24):
            raise ValueError(f"a fault adc-bits leaves whole bits in 2..24, got {bits}")
        left = self.convert.bits
        self.bits.fill_(bits if left is None else min(bits, left))
        self.rebuild()


def _loaded(adc: Adc, _: Any) -> None:
    """After a state was loaded into a converter."""
    adc.rebuild()
