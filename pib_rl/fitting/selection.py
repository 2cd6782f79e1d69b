"""Which law the data prefer: each is judged on cycles that it was not fitted to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pib_rl.fitting.estimate import FittedLaw, Problem
from pib_rl.fitting.laws import LAWS
from pib_rl.fitting.tracks import Tracks

FOLDS, ROUNDS = 3, 10  # cycles that are held out in turn, at most; steps of a fit that starts from that to all cycles
WORST = 5.0  # standard deviations: one reading beyond the range that was seen before decides nothing
EDGE = 0.02  # of a device's range: closer to an end it is there
MARGIN = 2.0  # standard errors by which a law must predict better than a simpler one


@dataclass(frozen=True)
class Choice:
    """The laws that were tried.

    Attributes:
        fits: By name, each to all cycles.
        heldout: Logarithm of the probability of held-out readings, per reading, shape (sequences,), by name.
        chosen: Name of the first law that none predicts clearly better than.
    """

    fits: dict[str, FittedLaw]
    heldout: dict[str, np.ndarray]
    chosen: str

    def behind(self, name: str) -> tuple[float, float]:
        """By how much a law predicts worse than the best one, per reading, and the standard error of that."""
        return _difference(self.heldout[_best(self.heldout)], self.heldout[name])


def choose(tracks: Tracks, names: tuple[str, ...] = tuple(LAWS), step: Callable[[], object] = int) -> Choice:
    """Fits laws to tracks and judges them.

    Args:
        tracks: The readings.
        names: Laws to try, from the simplest on.
        step: Called after each law.
    """
    fits, heldout = {}, {}
    for name in names:
        problem = Problem(name, tracks)
        fits[name] = max((problem.fit(start) for start in problem.starts()), key=lambda one: one.score)
        heldout[name] = _heldout(name, tracks, fits[name])
        step()
    best = _best(heldout)
    for name in names:
        gap, error = _difference(heldout[best], heldout[name])
        if gap <= MARGIN * error:
            return Choice(fits, heldout, name)
    return Choice(fits, heldout, best)


def _heldout(name: str, tracks: Tracks, fit: FittedLaw) -> np.ndarray:
    """Scores per reading of all sequences, each from a fit without them; those of no fold are nan."""
    scores = np.full(len(tracks.device), np.nan)
    counted = on_the_way(tracks)
    counts = np.maximum((tracks.there & counted).sum(1), 1)
    cycles = int(tracks.cycle.max()) + 1
    for fold in range(min(FOLDS, cycles)):
        out = tracks.cycle % min(FOLDS, cycles) == fold
        seen = Problem(name, tracks.only(~out)).fit(fit.vector, ROUNDS)
        scores[out] = Problem(name, tracks.only(out)).scores(seen.vector, counted[out], WORST) / counts[out]
    return scores


def on_the_way(tracks: Tracks) -> np.ndarray:
    """Which readings say something of steps: not those of devices that stay at an end of their range."""
    y = tracks.weight
    counted = np.zeros(y.shape, dtype=bool)
    for d in tracks:
        mine = tracks.device == d
        seen = y[mine][tracks.there[mine]]
        low, high = float(seen.min()), float(seen.max())
        near = EDGE * (high - low)
        at_end = np.where(tracks.up[mine], y[mine] >= high - near, y[mine] <= low + near)
        stays = at_end[:, 1:] & ((y[mine][:, :-1] >= high - near) | (y[mine][:, :-1] <= low + near))
        counted[mine, 1:] = ~stays
    return counted


def _best(heldout: dict[str, np.ndarray]) -> str:
    return max(heldout, key=lambda name: float(np.nanmean(heldout[name])))


def _difference(better: np.ndarray, worse: np.ndarray) -> tuple[float, float]:
    gap = better - worse
    return float(np.nanmean(gap)), float(np.nanstd(gap, ddof=1) / np.sqrt(np.isfinite(gap).sum()))
