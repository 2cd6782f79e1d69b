"""How often there may be a look at a training: never more than a share of its time."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from pib_rl.playing.display import FRAMES

SHARE = 0.1  # of all time
SLACK = 1.0  # seconds


class Pace:
    """Says when the next look is due.

    A look of t seconds uses up t/share seconds of the time that passes. Time in which there was no look, because the
    policy learned, is made up for afterwards, but a second of it at most. So looks take at most
    share * (T + 1 s) of any T seconds, and a last look in full.

    Args:
        share: Most of the time that looks may take, 0..1 (0 excluded).
        frames: Most looks a second, > 0.
        clock: Seconds, from any start.

    Raises:
        ValueError: If a number is out of its range.
    """

    def __init__(
        self, share: float = SHARE, frames: float = FRAMES, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        if not 0 < share <= 1:
            raise ValueError(f"share must be in 0..1 (0 excluded), got {share}")
        if not frames > 0:
            raise ValueError(f"frames must be > 0, got {frames}")
        self._share, self._frames, self._clock = share, frames, clock
        self._last = self._used = self._next = clock()

    @property
    def due(self) -> bool:
        """Whether there may be a look now."""
        return self._clock() >= self._next

    @contextlib.contextmanager
    def look(self) -> Iterator[float]:
        """A look; what happens inside is what it takes.

        Yields:
            Seconds since the look before began.
        """
        began = self._clock()
        passed, self._last = began - self._last, began
        try:
            yield passed
        finally:
            self._used = max(self._used, began - SLACK) + (self._clock() - began) / self._share
            self._next = max(self._used, began + 1 / self._frames)
