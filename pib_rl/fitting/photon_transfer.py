"""Photon transfer: gain, read noise and full well of a camera from mean and variance of its pictures.

Light that falls on a pixel evenly makes electrons by Poisson's law, so that their variance is their mean. In ADC codes,
with K electrons per code, m the mean, m0 the mean in the dark and r the read noise in electrons,

    variance = (m - m0) / K + (r / K)^2 + 1/12,

the last term for rounding, until the pixel is full: from there on the variance falls.

Source: Janesick, Photon Transfer (SPIE Press, 2007), chapters 2 and 4; EMVA Standard 1288.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.stats import t

from pib_rl.cli.cli import UserError
from pib_rl.fitting.exposures import Exposures
from pib_rl.fitting.population import SURE, Known

ROUNDING = 1 / 12  # ADC codes squared
ROUNDS = 30
TUKEY = 4.685  # standard deviations from which on a point counts nothing; 95 % as good as least squares on normal noise
NORMAL = 1.4826  # standard deviations per median absolute deviation
FEW = 5.0  # small samples look too narrow by it: Rousseeuw & Leroy, Robust Regression (1987), chapter 5
FEWEST = 5  # points below the full well
FALLEN = 0.5  # of the line: a variance below it is that of a full pixel
FULL = 0.05  # of the line: so little is left where all pixels are full
LINEAR = 0.8  # of the mean at the largest variance: the line is fitted below it


class FittedLine(NamedTuple):
    """A straight line a + b x, fitted with weights.

    Args:
        offset: a.
        slope: b.
        covariance: Of both, shape (2, 2).
        scatter: Relative standard deviation of the points around it.
        used: Weights 0..1 that points got, shape (points,).
    """

    offset: float
    slope: float
    covariance: np.ndarray
    scatter: float
    used: np.ndarray


@dataclass(frozen=True)
class FittedCamera:
    """A camera fitted to its photon transfer curve.

    Attributes:
        gain: Electrons per ADC code.
        read_noise: Electrons, rounding taken out.
        full_well: Electrons; None if it was not reached.
        offset_adu: Mean in the dark, ADC codes.
        line: Variance over mean above dark, in ADC codes.
        below: Which points the line was fitted to, shape (points,).
        full: Which points were full.
    """

    gain: Known
    read_noise: Known
    full_well: Known | None
    offset_adu: Known
    line: FittedLine
    below: np.ndarray
    full: np.ndarray

    def variance(self, mean: np.ndarray) -> np.ndarray:
        """Variance of the line at means, in ADC codes."""
        found: np.ndarray = self.line.offset + self.line.slope * (mean - self.offset_adu.value)
        return found


def fit_camera(data: Exposures) -> FittedCamera:
    """Fits a camera.

    The line is fitted by weighted least squares, a point's weight being 1/variance^2 times Tukey's biweight: the
    variance of a sampled variance grows with its square, and outliers count nothing. The dark level is the mean at
    exposure 0, or, without one, where the line of means over exposures begins. The full well is the mean of pictures
    whose variance has collapsed; where none has, the mean at the largest variance, if it falls behind.

    Raises:
        UserError: If too few points are below the full well, or variance does not grow with the mean.
    """
    mean, variance = data.mean_adu, data.variance_adu
    top = int(variance.argmax())
    fallen = mean > mean[top]
    fallen &= variance < (1 - FALLEN) * variance[top]
    below = mean <= (LINEAR * mean[top] if fallen.any() else mean.max())
    if below.sum() < FEWEST:
        raise UserError(
            f"{data.source} has {int(below.sum())} points below the full well, and {FEWEST} are the fewest; measure "
            "more exposures between dark and full"
        )
    dark = _dark_level(data, below)
    line = robust_line(mean[below] - dark.value, variance[below])
    slope_error = float(line.covariance[1, 1] ** 0.5)
    if not line.slope > 2 * slope_error:
        raise UserError(
            f"{data.source}: variance must grow with the mean, got a slope of {line.slope:.3g} +- {slope_error:.1g}; "
            "give the variance from frame to frame of the same pixels, in squared ADC codes"
        )
    gain = Known(1 / line.slope, slope_error / line.slope**2)
    full = fallen & (variance < FULL * (line.offset + line.slope * (mean - dark.value)))
    return FittedCamera(
        gain, _read_noise(line, dark), _full_well(mean, fallen, full, top, dark, gain), dark, line, below, full
    )


def robust_line(x: np.ndarray, y: np.ndarray) -> FittedLine:
    """A line through points whose standard deviation grows with y, by iterated weights.

    Args:
        x: Shape (points,).
        y: Not negative, same shape.
    """
    design = np.stack([np.ones_like(x), x], 1)
    tiny = max(float(y.max()), 1.0) * 1e-9
    expected, used = np.maximum(y, np.median(y) * 1e-3 + tiny), np.ones_like(y)
    found, relative = np.zeros(2), np.zeros_like(y)
    for _ in range(ROUNDS):
        root = np.sqrt(used) / expected
        found = np.linalg.lstsq(design * root[:, None], y * root, rcond=None)[0]
        expected = np.maximum(design @ found, tiny)
        relative = (y - design @ found) / expected
        usual = NORMAL * (1 + FEW / max(len(y) - 2, 1)) * float(np.median(np.abs(relative))) + 1e-12
        used = np.clip(1 - (relative / (TUKEY * usual)) ** 2, 0, 1) ** 2
    weight = used / expected**2
    inverse = np.linalg.pinv(design.T @ (design * weight[:, None]))
    free = max(float(used.sum()) - 2, 1.0)
    scatter = float(np.sqrt((used * relative**2).sum() / free)) + 1e-12
    return FittedLine(float(found[0]), float(found[1]), inverse * (scatter * wider(free)) ** 2, scatter, used)


def wider(freedom: float) -> float:
    """By how much an error grows so that two of it hold with 95 %, of so many degrees of freedom (Student's t)."""
    return float(t.ppf(0.5 + SURE / 2, freedom)) / 2


def _dark_level(data: Exposures, below: np.ndarray) -> Known:
    dark = data.mean_adu[data.exposure == 0]
    if len(dark) > 1:
        return Known(float(dark.mean()), wider(len(dark) - 1) * float(dark.std(ddof=1) / len(dark) ** 0.5))
    if len(dark) == 1:
        return Known(float(dark[0]), 0.0)
    x, y = data.exposure[below], data.mean_adu[below]
    weight = 1 / np.maximum(data.variance_adu[below], ROUNDING)
    design = np.stack([np.ones_like(x), x], 1)
    inverse = np.linalg.pinv(design.T @ (design * weight[:, None]))
    found = inverse @ (design.T @ (weight * y))
    residual = float((weight * (y - design @ found) ** 2).sum() / max(len(x) - 2, 1))
    return Known(float(found[0]), wider(max(len(x) - 2, 1)) * float((inverse[0, 0] * residual) ** 0.5))


def _read_noise(line: FittedLine, dark: Known) -> Known:
    """R = K sqrt(offset of the line - 1/12), and its error, from those of offset, gain and dark level."""
    gain = 1 / line.slope
    variance = line.offset - ROUNDING
    spread = line.covariance + np.array([[(line.slope * dark.error) ** 2, 0], [0, 0]])
    if variance <= 0:  # below its own error: what it could be at most
        return Known(0.0, gain * float(spread[0, 0]) ** 0.25)
    value = gain * variance**0.5
    by = np.array([gain / (2 * variance**0.5), -value * gain])
    return Known(value, float(by @ spread @ by) ** 0.5)


def _full_well(
    mean: np.ndarray, fallen: np.ndarray, full: np.ndarray, top: int, dark: Known, gain: Known
) -> Known | None:
    """Electrons of a full pixel; None if none was full."""
    if not fallen.any():
        return None
    if full.any():
        level = float(mean[full].mean()) - dark.value
        error = float(mean[full].std(ddof=1) / full.sum() ** 0.5) if full.sum() > 1 else 0.0
    else:
        above = mean[mean > mean[top]].min() - mean[top]
        under = mean[top] - mean[mean < mean[top]].max()
        level, error = float(mean[top]) - dark.value, float(above + under) / 4
    relative = np.hypot(gain.error / gain.value, np.hypot(error, dark.error) / level)
    return Known(level * gain.value, float(relative) * level * gain.value)
