"""Predictions of the next reading from those before it: a Kalman filter whose state stays within a device's range."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from pib_rl.fitting.laws import Law, Values
from pib_rl.fitting.tracks import Tracks

NUDGE = 1e-4  # of weight, for slopes
ROOT = (2 * np.pi) ** -0.5
LEAST = 1e-12  # variance


def predict(law: Law, tracks: Tracks, p: Values) -> tuple[np.ndarray, np.ndarray]:
    """Errors of all predictions and their variances, shape (..., sequences, readings); 0 and 1 where there is none.

    A pulse moves the state by s f(w) and adds noise of standard deviation relative s f(w) + absolute s, plus
    sloped |w|; s is the device's step at weight 0 and f the law. The state stays within low..high: mean and variance
    are those of a normal distribution whose tails are moved to the ends. A reading adds noise of standard deviation
    read, and is never below low, as in `pib_rl.physical.memristive.pulsed`.
    Between readings pulses of one direction are taken together, at the step in the middle of their way.

    Args:
        law: The step law.
        tracks: What was read.
        p: Its parameters and up, down, low, high, relative, absolute, sloped, read, each of shape (..., sequences).
    """
    y, read = (
        tracks.weight,
        np.broadcast_to(p["read"], np.broadcast_shapes(*(value.shape for value in p.values()))) ** 2,
    )
    error = np.zeros((*read.shape, y.shape[1]))
    spread = np.ones_like(error)
    high = np.full(read.shape, np.inf)
    mean, variance = np.broadcast_to(y[:, 0], read.shape).copy(), read.copy()
    for t in range(1, y.shape[1]):
        n, up = tracks.pulses[:, t], tracks.up[:, t]
        mean, variance = _move(law, mean, variance, n, up, p)
        mean, variance = _censored(mean, variance, p["low"], p["high"])
        total = variance + read
        shown, total_shown = _censored(mean, total, p["low"], high)
        passed = ndtr((mean - p["low"]) / np.sqrt(total))
        there = tracks.there[:, t]
        error[..., t] = np.where(there, y[:, t] - shown, 0)
        spread[..., t] = np.where(there, total_shown, 1)
        gain = variance * passed / total_shown
        mean = np.clip(mean + gain * (y[:, t] - shown), p["low"], p["high"])
        variance = np.maximum(variance - gain * gain * total_shown, LEAST)
    return error, spread


def steps(law: Law, w: np.ndarray, up: np.ndarray, p: Values) -> np.ndarray:
    """Signed mean change of weight by one pulse."""
    upwards, downwards = law.factor(w, p)
    return np.asarray(np.where(up, p["up"] * upwards, -p["down"] * downwards))


def _move(
    law: Law, mean: np.ndarray, variance: np.ndarray, n: np.ndarray, up: np.ndarray, p: Values
) -> tuple[np.ndarray, np.ndarray]:
    several = n > 1
    if several.any():
        half = np.clip(mean + 0.5 * n * steps(law, mean, up, p), p["low"], p["high"])
        mean_at = np.where(several, half, mean)
    else:
        mean_at = mean
    step = steps(law, mean_at, up, p)
    slope = (steps(law, mean_at + NUDGE, up, p) - step) / NUDGE
    follow = np.where(several, np.exp(np.clip(n * slope, -20, 3)), 1 + slope)
    scale = np.where(up, p["up"], p["down"])
    noise = p["relative"] * np.abs(step) + p["absolute"] * scale + p["sloped"] * np.abs(mean_at)
    return mean + n * step, follow**2 * variance + n * noise**2 + LEAST


def _censored(
    mean: np.ndarray, variance: np.ndarray, low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of min(max(x, low), high) of a normal x."""
    size = np.sqrt(variance)
    a, b = np.clip((low - mean) / size, -30, 30), np.clip((high - mean) / size, -30, 30)  # beyond 30 nothing is left
    below, above = ndtr(a), ndtr(-b)
    inside = 1 - below - above
    at_a, at_b = ROOT * np.exp(-0.5 * a * a), ROOT * np.exp(-0.5 * b * b)
    first = a * below + b * above + at_a - at_b  # in standard deviations from the mean
    second = a * a * below + b * b * above + inside + a * at_a - b * at_b
    moved = np.clip(mean + size * first, low, np.maximum(low, high))
    return moved, np.maximum(variance * (second - first * first), LEAST)
