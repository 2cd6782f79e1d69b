"""From fitted devices to the kind of device: means and spreads, each with its standard error."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.stats import chi2, t

SURE = 0.95  # of an interval of two standard errors
ROUNDS = 50


class Known(NamedTuple):
    """A number and how well it is known: it lies within two standard errors with a probability of 95 %."""

    value: float
    error: float


def population(values: np.ndarray, covariance: np.ndarray) -> tuple[Known, Known]:
    """Mean and standard deviation over the population that devices are drawn from.

    Devices count by how well each is known: DerSimonian & Laird, Control. Clin. Trials 7, 177 (1986), with a spread
    that is found again with these weights. Few devices say little about others, so that errors are those of
    Student's t and of chi squared: with 5 devices 1.4 times, and for the spread 2.7 times, what many would have.

    Args:
        values: One of each device, shape (n,).
        covariance: Of their errors, shape (n, n).
    """
    n = len(values)
    common = (covariance.sum() - np.trace(covariance)) / max(n * (n - 1), 1)
    own = np.maximum(np.diag(covariance) - common, 1e-24)
    spread = 0.0
    weight = np.full(n, 1 / n)
    for _ in range(ROUNDS):
        weight = 1 / (own + max(spread, 0.05 * float(np.median(own))))
        weight /= weight.sum()
        mean = float(weight @ values)
        expected = float(weight @ own - weight**2 @ own)
        spread = max(0.0, (float(weight @ (values - mean) ** 2) - expected) / max(1 - float(weight @ weight), 1e-9))
    mean = float(weight @ values)
    effective = max(2.0, 1 / float(weight @ weight))
    variance = float(weight @ covariance @ weight) + spread * float(weight @ weight)
    factor = float(t.ppf(0.5 + SURE / 2, effective - 1)) / 2
    doubt = float(np.sqrt(max(spread, float(np.median(own)) / np.sqrt(n))))
    room = (float(np.sqrt((effective - 1) / chi2.ppf(0.5 - SURE / 2, effective - 1))) - 1) / 2
    return Known(mean, factor * variance**0.5), Known(spread**0.5, doubt * room)
