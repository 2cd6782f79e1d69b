"""How often a picture of a training may be made: pictures take a fraction of the time at most."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from pib_rl.playing.display import FRAMES

FRACTION = 0.1  # of all time
SLACK = 1.0  # seconds


class FrameBudget:
    """Says when the next frame is due.

    A frame of t seconds uses up t/fraction seconds of the time that passes. Time without frames, because the policy
    learned, is made up for afterwards, but a second of it at most. So frames take at most fraction * (T + 1 s) of any
    T seconds, and a last frame in full.

    Raises:
        ValueError: Unless ``fraction`` is in 0..1 (0 excluded) and ``rate``, in frames a second, is > 0.
    """

    def __init__(
        self, fraction: float = FRACTION, rate: float = FRAMES, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        if not 0 < fraction <= 1:
            raise ValueError(f"fraction must be in 0..1 (0 excluded), got {fraction}")
        if not rate > 0:
            raise ValueError(f"rate must be > 0, got {rate}")
        self._fraction, self._rate, self._clock = fraction, rate, clock
        self._last = self._used = self._next = clock()

    @property
    def due(self) -> bool:
        """Whether a frame may be made now."""
        return self._clock() >= self._next

    @contextlib.contextmanager
    def frame(self) -> Iterator[float]:
        """A frame; what happens inside is what it takes. Yields the seconds since the frame before began."""
        began = self._clock()
        passed, self._last = began - self._last, began
        try:
            yield passed
        finally:
            self._used = max(self._used, began - SLACK) + (self._clock() - began) / self._fraction
            self._next = max(self._used, began + 1 / self._rate)
