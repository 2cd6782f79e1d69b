"""Which law the data prefer: each is judged on cycles that it was not fitted to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.stats import t, wilcoxon

from pib_rl.fitting.estimate import FittedLaw, Problem
from pib_rl.fitting.laws import LAWS
from pib_rl.fitting.tracks import Tracks

FOLDS, ROUNDS = 3, 10  # cycles that are held out in turn, at most; steps of a fit that starts from that to all cycles
WORST = 5.0  # standard deviations: one reading beyond the range that was seen before decides nothing
NEEDED = 3.0  # by how much the logarithm of the probability must rise for a second kind of noise
EDGE = 0.02  # of a device's range: closer to an end it is there
CHANCE = 0.01  # of a signed-rank test, below which a law predicts better
SURE = 0.975  # of Student's t: how sure it must be that a law predicts better than a simpler one


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
    close = [name for name in names if is_close(heldout[best], heldout[name])]
    chosen = close[0] if close else best
    fits[chosen] = with_plain_noise(fits[chosen], tracks)
    return Choice(fits, heldout, chosen)


def is_close(better: np.ndarray, worse: np.ndarray) -> bool:
    """Whether two laws predict sequences equally well, as far as one can tell.

    They do not where the mean difference is too large for that (Student's t), or where one law is the better one in
    so many sequences that this is no chance (signed-rank test): a few sequences that fit neither hide the first.
    """
    gap, error = _difference(better, worse)
    both = np.isfinite(better) & np.isfinite(worse)
    different = (better - worse)[both]
    if not different.any():
        return True
    chance = float(wilcoxon(different, alternative="greater").pvalue)
    return gap <= float(t.ppf(SURE, len(different) - 1)) * error and chance > CHANCE


def with_plain_noise(fit: FittedLaw, tracks: Tracks) -> FittedLaw:
    """The same law with one kind of pulse noise alone, relative to the step or not, unless both are clearly needed."""
    kept, least = fit, fit.score - NEEDED
    kinds = [("absolute", "sloped")] if fit.law == "constant" else [("absolute", "sloped"), ("relative", "sloped")]
    for without in kinds:
        problem = Problem(fit.law, tracks, without)
        shared = len(problem.shared)
        for start in problem.starts():
            start[shared:] = fit.vector[len(fit.shared) :]
            start[:shared] = [
                fit.vector[fit.shared.index(key)] if key not in ("relative", "absolute") else own
                for key, own in zip(problem.shared, start[:shared], strict=True)
            ]
            found = problem.fit(start)
            if found.score >= least:
                kept, least = found, found.score
    return kept


def _heldout(name: str, tracks: Tracks, fit: FittedLaw) -> np.ndarray:
    """Scores per reading of all sequences, each from a fit without them; those of no fold are nan."""
    scores = np.full(len(tracks.device), np.nan)
    counted = on_the_way(tracks)
    counts = np.maximum((tracks.there & counted).sum(1), 1)
    cycles = int(tracks.cycle.max()) + 1
    for fold in range(min(FOLDS, cycles)):
        out = tracks.cycle % min(FOLDS, cycles) == fold
        problem = Problem(name, tracks.only(~out))
        problem.low, problem.high = tracks.ends()  # an end that the others did not reach says nothing of steps
        seen = problem.fit(fit.vector, ROUNDS)
        scores[out] = Problem(name, tracks.only(out)).scores(seen.vector, counted[out], WORST) / counts[out]
    return scores


def on_the_way(tracks: Tracks) -> np.ndarray:
    """Which readings say something of steps: neither they nor those before are at the end that pulses go to."""
    y = tracks.weight
    counted = np.zeros(y.shape, dtype=bool)
    for d in tracks:
        mine = tracks.device == d
        seen = y[mine][tracks.there[mine]]
        low, high = float(seen.min()), float(seen.max())
        near = EDGE * (high - low)
        full, empty = y[mine] >= high - near, y[mine] <= low + near
        at_end = np.where(tracks.up[mine][:, 1:], full[:, 1:] | full[:, :-1], empty[:, 1:] | empty[:, :-1])
        counted[mine, 1:] = ~at_end
    return counted


def _best(heldout: dict[str, np.ndarray]) -> str:
    return max(heldout, key=lambda name: float(np.nanmean(heldout[name])))


def _difference(better: np.ndarray, worse: np.ndarray) -> tuple[float, float]:
    gap = better - worse
    return float(np.nanmean(gap)), float(np.nanstd(gap, ddof=1) / np.sqrt(np.isfinite(gap).sum()))
