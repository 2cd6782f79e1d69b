"""The medium: laws of speckle, and how they fare with time and rotation."""

from __future__ import annotations

import math

import pytest
import torch
from chips import CLEAR, correlation, draws, make
from torch import Tensor

from pib_rl.physical.optical.scattering import ScatteringMedium
from pib_rl.physical.substrate import Read


def bench(inputs: int = 5, pixels: int = 128, seed: int = 0, **options) -> ScatteringMedium:
    """A medium seen by a perfect camera, but for ``options``."""
    return make("optical", seed, **{**CLEAR, "camera_pixels": 1, **options}).make_medium(inputs, pixels)


def speckle(**options) -> Tensor:
    """Intensities of 60 media with 128 pixels each, one drive each."""
    return torch.cat([bench(seed=seed, **options).intensity(draws(1, 5, seed=seed)) for seed in range(60)]).flatten()


def survival(modes: int, level: float) -> float:
    """Probability that a gamma variable of mean 1 and shape ``modes`` exceeds a level."""
    x = modes * level
    return math.exp(-x) * sum(x**k / math.factorial(k) for k in range(modes))


@pytest.mark.parametrize("options", [{}, {"modulator": "dmd", "slm_pixels": 256}, {"crosstalk": 1.0}])
@pytest.mark.parametrize("modes", [1, 2, 5])
def test_patterns_that_do_not_interfere_add_up_to_the_gamma_law(modes, options):
    intensity = speckle(modes=modes, **options)
    count = len(intensity)
    assert abs(intensity.mean() - 1) < 5 / (count * modes) ** 0.5
    for level in (0.3, 1.0, 2.0):
        fraction = survival(modes, level)
        assert (intensity > level).float().mean() == pytest.approx(fraction, abs=5 * (fraction / count) ** 0.5)
    assert intensity.std() == pytest.approx(modes**-0.5, rel=5 * 2 / count**0.5)


@pytest.mark.parametrize("rho", [0.5, 3.0])
@pytest.mark.parametrize("modes", [1, 2])
def test_light_that_does_not_scatter_lowers_the_contrast(rho, modes):
    intensity = speckle(constant_phasor=rho, modes=modes)
    contrast = ((1 + 2 * rho) / modes) ** 0.5 / (1 + rho)
    assert abs(intensity.mean() - 1) < 5 * contrast / len(intensity) ** 0.5
    assert intensity.std() / intensity.mean() == pytest.approx(contrast, rel=5 * 2 / len(intensity) ** 0.5)


def test_modes_are_averages_of_media_of_one_pattern():
    medium, drive = bench(pixels=16, modes=3), draws(20, 5)
    matrix = torch.complex(*medium.transmission.double())
    phase = torch.nn.functional.pad(
        (math.pi * (0.1 * drive.double()).tanh()).repeat_interleave(medium.copies, 1),
        (0, matrix.shape[1] - medium.signal_pixels),
    )
    field = torch.exp(1j * phase) @ matrix.T / matrix.shape[1] ** 0.5
    expected = field.abs().square().view(20, 3, 16).mean(1)
    torch.testing.assert_close(medium.intensity(drive).double(), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("seconds", [2.0, 10.0])
@pytest.mark.parametrize("options", [{}, {"crosstalk": 1.0}, {"modulator": "dmd"}])
def test_intensities_decorrelate_with_the_square_of_the_fields(seconds, options):
    before, after = [], []
    for seed in range(60):
        medium, drive = bench(seed=seed, decorrelation_time_s=10.0, **options), draws(1, 5, seed=seed)
        before.append(medium.intensity(drive))
        for _ in range(4):  # four steps are as good as one
            medium.age(seconds / 4)
        after.append(medium.intensity(drive))
    expected = math.exp(-2 * seconds / 10)
    assert correlation(torch.stack(before), torch.stack(after)) == pytest.approx(expected, abs=5 * 1.5 / 7680**0.5)
    assert abs(torch.stack(after).mean() - 1) < 5 / 7680**0.5


@pytest.mark.parametrize("options", [{}, {"laser_noise": 0.1}])
def test_media_stay_as_they_are_by_default(options):
    medium, drive = bench(**options), draws(9, 5)
    before = medium.measure(drive, Read.MEAN)
    medium.age(1e9)
    assert torch.equal(medium.measure(drive, Read.MEAN), before)
    with pytest.raises(ValueError, match=r"seconds >= 0, got -1"):
        medium.age(-1.0)


def test_time_changes_no_other_stream():
    options = {"decorrelation_time_s": 1.0, "laser_drift": 0.1, "photons": 1000.0}
    chips = [make("optical", **options) for _ in range(2)]
    chips[0].make_medium(5, 8).age(3.0)
    chips[1].make_medium(5, 8)
    for stream in ("fabrication", "read"):
        assert torch.equal(*(chip.streams.normal(stream, torch.zeros(5)) for chip in chips))


@pytest.mark.parametrize("degrees", [30.0, 90.0])
def test_rotation_keeps_the_cosine_of_the_fields(degrees):
    medium = bench(pixels=400)
    old = medium.transmission.clone()
    medium.faults()["rotate-medium"](degrees)
    expected = math.cos(math.radians(degrees))
    assert correlation(old, medium.transmission) == pytest.approx(expected, abs=5 / old.numel() ** 0.5)
    assert medium.transmission.std() == pytest.approx(0.5**0.5, rel=0.02)


def test_the_lasers_power_walks_and_trembles():
    powers = []
    for seed in range(200):
        medium = bench(2, 2, seed, laser_drift=0.05)
        medium.age(3600.0 * 2)
        medium.age(3600.0 * 2)
        powers.append(medium.power.log())
    assert torch.stack(powers).std() == pytest.approx(0.1, rel=5 / 400**0.5)
    medium = bench(laser_noise=0.05)
    drive = draws(1, 5).repeat(4000, 1)
    ratio = (medium.measure(drive) * medium.scale + medium.mean) / medium.intensity(drive)
    assert (ratio - ratio[:, :1]).abs().max() < 1e-2  # all pixels of an exposure alike
    assert ratio[:, 0].std() == pytest.approx(0.05, rel=5 / 8000**0.5)
    assert abs(ratio[:, 0].mean() - 1) < 5 * 0.05 / 4000**0.5
