"""Normal noise for simulated measurements: a table, random indices, and blocks of them."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pib_rl.common.options import whole

LEVELS = 2**16  # equally likely values of a draw
BLOCK = 2**16  # draws that are made at once


class TableNormal:
    """Standard normal draws on a CPU, three times faster than `torch.randn`.

    Each draw is one of `LEVELS` equally likely values: the middle of its share of the normal law, by probability,
    scaled to unit variance. Mean and variance are exact, the fourth moment is 0.03 % short, the largest value is 4.2
    standard deviations (a normal draw is larger in size once in 45,000). Random bits come from numpy's SFC64 in blocks
    of `BLOCK` draws; how many draws a caller asks for at once does not matter.

    Args:
        seed: Seed of the bits.
    """

    def __init__(self, seed: int) -> None:
        self._bits = np.random.SFC64(seed)
        self._before = self._bits.state
        self._block = np.empty(0, dtype=np.float32)
        self._used = 0

    def draw(self, shape: torch.Size) -> Tensor:
        """Draws, float32 on the CPU, in a tensor that the caller may change."""
        count = shape.numel()
        end = self._used + count
        if end <= len(self._block):
            part = self._block[self._used : end]
            self._used = end
            return torch.from_numpy(part).view(shape)
        parts = [self._block[self._used :]]
        missing = end - len(self._block)
        while missing > 0:
            self._refill()
            parts.append(self._block[:missing])
            self._used = len(parts[-1])
            missing -= self._used
        return torch.from_numpy(np.concatenate(parts)).view(shape)

    def _refill(self) -> None:
        self._before = self._bits.state
        indices = self._bits.random_raw(BLOCK // 4).view(np.uint16)
        self._block = quantiles().take(indices)

    @property
    def state(self) -> dict[str, Any]:
        """Where the draws are: with the seed of another object, `load` goes on from here."""
        return {"before": self._before, "used": self._used, "filled": len(self._block) > 0}

    def load(self, state: dict[str, Any]) -> None:
        """Goes on from a ``state``; ValueError if one of its numbers can't be."""
        used = whole("draws of a block that were used", state["used"], 0, BLOCK)
        self._bits.state = state["before"]
        self._block = np.empty(0, dtype=np.float32)
        if state["filled"]:
            self._refill()
        self._used = used


@cache
def quantiles() -> np.ndarray:
    """The `LEVELS` values of a draw, ascending, float32."""
    middle = (torch.arange(LEVELS, dtype=torch.float64) + 0.5) / LEVELS
    values = torch.special.ndtri(middle)
    table: np.ndarray = (values / values.std(correction=0)).float().numpy()
    return table
