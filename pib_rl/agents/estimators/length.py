"""How long a fit is where nobody says: batches and epochs from the number of samples."""

from __future__ import annotations

import math
from dataclasses import dataclass

LEAST, MOST = 10, 200  # epochs
TABLE = 5000  # samples up to which labels and real values of a table take small batches and a short fit
FEW = 1000  # samples below which these batches are half as large
SHORT = (20, 40)  # fewest and most epochs of a short fit in batches of 64, in larger ones more; else the root of n


@dataclass(frozen=True)
class Length:
    """Samples per step, and how many steps are wanted.

    Args:
        batch: Samples per step, where no argument says.
        steps: As many epochs are planned as make so many steps, `LEAST` at least and `MOST` at most.
    """

    batch: int
    steps: float

    def epochs(self, n: int, batch: int) -> int:
        """Epochs for ``n`` samples in batches of ``batch``."""
        return min(MOST, max(LEAST, round(self.steps * batch / n)))


LONG = Length(batch=256, steps=2000)


def length(n: int, small: bool, stopping: bool) -> Length:
    """The length of a fit.

    Args:
        n: Samples.
        small: Whether small batches serve: labels or real values of a table, no images and no views to learn from.
        stopping: Whether held-out samples end the fit, so that the plan only says when it ends at last.
    """
    if not small or n > TABLE:
        return LONG
    passes = MOST if stopping else min(SHORT[1], max(SHORT[0], math.sqrt(n)))
    return Length(batch=64 if n < FEW else 128, steps=passes * n / 64)
