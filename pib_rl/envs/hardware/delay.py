"""Decisions that come late: a queue of whole control periods."""

from __future__ import annotations

import copy
import math
from collections import deque
from typing import Any

ROUNDING = 1e-9  # of a period: a latency of 3 periods in floating point is no more than 3


def late_steps(latency_s: float, period_s: float) -> int:
    """Whole steps by which an answer comes late: ceil(latency/period) - 1, at least 0.

    An answer to the observation of step t that takes no longer than one period serves step t, as environments take
    it; one of up to two periods serves step t + 1. The period is the time from one action to the next.

    Raises:
        ValueError: If the latency is negative or no finite number, or the period is not positive.
    """
    if not 0 <= latency_s < math.inf:
        raise ValueError(f"latency_s must be a finite number >= 0, got {latency_s}")
    if not period_s > 0:
        raise ValueError(f"the control period must be > 0, got {period_s}")
    return max(0, math.ceil(latency_s / period_s - ROUNDING) - 1)


class Delay:
    """What goes in comes out so many calls later; until then ``first`` does.

    The hardware takes a new input in each period, whatever its latency: passes follow each other as in a pipeline.
    """

    def __init__(self, steps: int, first: Any) -> None:
        self.steps, self.first = steps, first
        self._queue: deque[Any] = deque()

    def clear(self) -> None:
        """Empties the queue."""
        self._queue.clear()

    def __call__(self, value: Any) -> Any:
        """Puts one in and takes one out."""
        self._queue.append(copy.copy(value))
        return self._queue.popleft() if len(self._queue) > self.steps else copy.copy(self.first)
