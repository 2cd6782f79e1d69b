"""Shot noise: I counted in photons has mean I and variance I / photons, by Poisson's law and by its normal limit."""

from __future__ import annotations

import pytest
import torch
from chips import CLEAR, correlation, draws, make

from pib_rl.physical.optical.camera import NORMAL_PHOTONS

SAMPLES = 4000


def exposures(photons: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Repeated pictures of one drive, shape (SAMPLES, pixels), and the noise-free picture, in mean intensities."""
    medium = make("optical", **{**CLEAR, "photons": photons}).make_medium(4, 64)
    drive = draws(1, 4)
    shown = medium.measure(drive.repeat(SAMPLES, 1)) * medium.scale + medium.mean
    bright = medium.intensity(drive)[0] > 0.1  # where the normal law has nothing below zero to clip
    return shown[:, bright].double(), medium.intensity(drive)[0, bright].double()


@pytest.mark.parametrize("photons", [5.0, 50.0, 1000.0, 1e5])
def test_mean_and_variance(photons):
    shown, intensity = exposures(photons)
    pixels = len(intensity)
    assert pixels > 40
    deviation = (intensity / photons).sqrt()
    error = (shown.mean(0) - intensity) / deviation * SAMPLES**0.5  # standard normal, one per pixel
    assert error.abs().max() < 5
    assert error.square().mean() == pytest.approx(1, abs=5 * (2 / pixels) ** 0.5)
    ratio = shown.var(0) / deviation**2
    # the variance of a sample variance of Poisson counts with mean m is (2 + 1/m) / SAMPLES
    spread = ((2 + 1 / (photons * intensity)) / SAMPLES).sqrt()
    assert ((ratio - 1) / spread).abs().max() < 5
    assert abs(ratio.mean() - 1) < 5 * spread.max() / pixels**0.5


@pytest.mark.parametrize("photons", [20.0, 1000.0])
def test_exposures_and_pixels_are_independent(photons):
    shown, _ = exposures(photons)
    noise = (shown - shown.mean(0)) / shown.std(0)
    bound = 5 / noise.numel() ** 0.5
    assert abs(correlation(noise[1:], noise[:-1])) < bound
    assert abs(correlation(noise[:, 1:], noise[:, :-1])) < bound


def test_few_photons_are_counted_one_by_one_and_many_are_not():
    few, _ = exposures(NORMAL_PHOTONS - 1)
    counts = few * (NORMAL_PHOTONS - 1)
    assert (counts - counts.round()).abs().max() < 1e-3
    many, _ = exposures(NORMAL_PHOTONS)
    counts = many * NORMAL_PHOTONS
    assert (counts - counts.round()).abs().mean() == pytest.approx(0.25, abs=0.02)


def test_a_camera_never_shows_less_than_darkness():
    medium = make("optical", photons=NORMAL_PHOTONS).make_medium(4, 64)
    shown = medium.measure(draws(2000, 4)) * medium.scale + medium.mean
    assert shown.min() >= -1e-6
    assert shown.max() <= 4 + 1e-6
