"""Interquartile means with stratified bootstrap intervals.

Source: Agarwal et al., arXiv 2108.13264: few runs, so report an interval, and a mean that single runs can't carry.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.stats import bootstrap, trim_mean

RESAMPLES = 5000
LEVEL = 0.95
LEAST = 3  # runs that an interval needs: a bootstrap of two spans them, and half of all second pairs lie outside


class Estimate(NamedTuple):
    """Interquartile mean and the ends of its 95 % interval, nan where a stratum has fewer than `LEAST` runs."""

    mean: float
    low: float
    high: float


def interquartile_mean(values: np.ndarray, axis: int = -1) -> Any:
    """Mean of the middle half: a quarter of the values (rounded down) goes at each end."""
    return trim_mean(values, 0.25, axis=axis)


def _pooled(*strata: np.ndarray, axis: int = -1) -> Any:
    return interquartile_mean(np.concatenate(strata, axis=axis), axis)


def estimate(strata: list[np.ndarray]) -> Estimate:
    """Interquartile mean of all values together, with its stratified percentile bootstrap interval.

    Args:
        strata: Scores per stratum (substrate), shape (runs,) each; runs are drawn anew within their stratum.
    """
    mean = float(_pooled(*strata))
    if min(len(values) for values in strata) < LEAST:
        return Estimate(mean, float("nan"), float("nan"))
    found = bootstrap(
        strata,
        _pooled,
        n_resamples=RESAMPLES,
        confidence_level=LEVEL,
        method="percentile",
        rng=np.random.default_rng(0),
    )
    return Estimate(mean, float(found.confidence_interval.low), float(found.confidence_interval.high))


def band(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Interquartile mean over runs at each point of a curve, and its 95 % interval.

    Args:
        values: Shape (runs, points).

    Returns:
        Mean, low and high, shape (points,) each; low and high are the mean where there are fewer than `LEAST` runs.
    """
    mean = interquartile_mean(values, 0)
    if len(values) < LEAST:
        return mean, mean, mean
    found = bootstrap(
        (values,),
        interquartile_mean,
        axis=0,
        n_resamples=1000,
        confidence_level=LEVEL,
        method="percentile",
        rng=np.random.default_rng(0),
    )
    return mean, found.confidence_interval.low, found.confidence_interval.high


def verdict(pib: Estimate, other: Estimate) -> str:
    """How PIB stands against a learner: better or worse where the intervals are apart, otherwise level."""
    if not all(np.isfinite([pib.low, other.low])):
        return "few runs"
    if pib.low > other.high:
        return "better"
    return "worse" if pib.high < other.low else "level"
