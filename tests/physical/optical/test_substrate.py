"""The optical bench: field, speckle, camera, calibration."""

from __future__ import annotations

import math

import pytest
import torch
from chips import CLEAR, draws, make

from pib_rl.physical.digital import DigitalArray
from pib_rl.physical.optical.config import OpticalConfig
from pib_rl.physical.optical.multiplier import MultiplierArray
from pib_rl.physical.optical.scattering import ScatteringMedium
from pib_rl.physical.optical.substrate import Optical
from pib_rl.physical.standardised import MIN_CONTRAST
from pib_rl.physical.substrate import Read


def bench(inputs: int = 4, pixels: int = 64, seed: int = 0, **options) -> ScatteringMedium:
    """A scattering medium seen by a perfect camera, but for ``options``."""
    return make("optical", seed, **{**CLEAR, "camera_pixels": 1, **options}).make_medium(inputs, pixels)


def picture(medium: ScatteringMedium, drive: torch.Tensor, read: Read) -> torch.Tensor:
    """What the camera shows, in mean intensities: the standardisation undone."""
    return medium.measure(drive, read) * medium.scale + medium.mean


def explicit_intensity(medium: ScatteringMedium, drive: torch.Tensor, span: float, gain: float) -> torch.Tensor:
    """|T e|^2, pixel by pixel, in complex double precision."""
    matrix = torch.complex(*medium.transmission.double())
    pixels, copies = matrix.shape[1], medium.signal_pixels // medium.in_features
    phase = torch.zeros(len(drive), pixels, dtype=torch.float64)
    for pixel in range(medium.signal_pixels):
        phase[:, pixel] = span * torch.tanh(gain * drive[:, pixel // copies].double())
    field = torch.exp(1j * phase) / pixels**0.5
    return (field @ matrix.T).abs() ** 2


@pytest.mark.parametrize(("inputs", "slm_pixels", "reference"), [(3, 64, 0.2), (8, 8, 0.0), (30, 16, 0.4)])
@pytest.mark.parametrize(("span", "gain"), [(math.pi, 0.1), (2.0, 1.3)])
def test_intensity_is_the_square_of_the_transmitted_field(inputs, slm_pixels, reference, span, gain):
    medium = bench(inputs, 20, slm_pixels=slm_pixels, reference=reference, phase_range_rad=span, phase_gain=gain)
    drive = draws(50, inputs, size=2)
    expected = explicit_intensity(medium, drive, span, gain).float()
    torch.testing.assert_close(medium.intensity(drive), expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(picture(medium, drive, Read.IDEAL), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("inputs", "slm_pixels", "reference"), [(3, 64, 0.2), (4, 128, 0.5), (100, 64, 0.2)])
def test_pixels_are_shared_between_drives_and_reference(inputs, slm_pixels, reference):
    medium = bench(inputs, 5, slm_pixels=slm_pixels, reference=reference)
    pixels = medium.transmission.shape[-1]
    assert pixels >= slm_pixels - 1
    assert medium.signal_pixels % inputs == 0
    assert 1 - medium.signal_pixels / pixels == pytest.approx(reference, abs=0.5 / pixels + 1e-9)


def test_the_input_is_left_alone():
    drive = draws(10, 4)
    before = drive.clone()
    bench().measure(drive)
    assert torch.equal(drive, before)


def test_speckle_is_fully_developed_with_mean_one():
    pictures, count = [bench(4, 128, seed).intensity(draws(1, 4, seed=seed)) for seed in range(60)], 60 * 128
    intensity = torch.cat(pictures).flatten()
    assert abs(intensity.mean() - 1) < 5 / count**0.5  # an exponential law: its deviation is its mean
    for level in (0.5, 1.0, 4.0):
        fraction = math.exp(-level)
        assert (intensity > level).float().mean() == pytest.approx(fraction, abs=5 * (fraction / count) ** 0.5)


@pytest.mark.parametrize(("reference", "visible"), [(0.0, False), (0.2, True)])
def test_the_camera_sees_no_global_phase(reference, visible):
    drive = torch.linspace(-3, 3, 50)[:, None]  # a single drive: the same phase on every signal pixel
    intensity = bench(1, 64, reference=reference, phase_gain=0.5).intensity(drive)
    contrast = (intensity.std(0) / intensity.mean(0)).median()
    assert contrast > 0.1 if visible else contrast < 1e-5


def test_pictures_are_standardised_per_camera_pixel():
    seen = make("optical").make_medium(6, 64).measure(draws(4000, 6), Read.MEAN)
    # 1024 calibration drives against 4000 fresh ones: a mean errs by sqrt(1/1024 + 1/4000) = 0.035 deviations
    assert seen.mean(0).abs().max() < 5 * 0.035
    assert seen.mean(0).square().mean().sqrt() < 2 * 0.035
    assert (seen.std(0) - 1).abs().max() < 0.2
    assert abs(seen.std(0).mean() - 1) < 0.03


def test_dark_and_constant_pixels_are_not_amplified():
    medium = bench(3, 64, phase_gain=1e-6)
    assert (medium.scale == torch.tensor(MIN_CONTRAST)).all()
    assert medium.measure(draws(50, 3), Read.MEAN).abs().max() < 1e-2


def test_the_camera_saturates_at_full_scale_and_only_there():
    medium, drive = bench(6, 64, full_scale=0.5), draws(300, 6)
    shown, intensity = picture(medium, drive, Read.MEAN), medium.intensity(drive)
    bright = intensity > 0.5
    assert bright.any()
    assert not bright.all()
    torch.testing.assert_close(shown[bright], torch.full_like(shown[bright], 0.5))
    torch.testing.assert_close(shown[~bright], intensity[~bright], rtol=1e-5, atol=1e-5)


def test_the_camera_counts_in_codes():
    medium, drive = bench(6, 64, camera_bits=4, full_scale=3.0), draws(300, 6)
    codes = picture(medium, drive, Read.MEAN) / (3.0 / 15)
    assert (codes - codes.round()).abs().max() < 1e-3
    assert len(codes.round().unique()) == 16
    nearest = (medium.intensity(drive).clamp(max=3) - codes * 3 / 15).abs().max()
    assert nearest <= 3 / 15 * 0.501


def test_without_shot_noise_reads_repeat_exactly():
    medium, drive = make("optical", photons=None).make_medium(4, 64), draws(50, 4)
    assert torch.equal(medium.measure(drive), medium.measure(drive, Read.MEAN))


def test_media_have_the_wanted_outputs_or_more():
    assert Optical().make_medium(4, 3).out_features == OpticalConfig().camera_pixels
    assert make("optical", camera_pixels=10).make_medium(4, 30).out_features == 30
    assert make("optical", camera_pixels=10).make_medium(4, 3).measure(draws(5, 4)).shape == (5, 10)


@pytest.mark.parametrize(
    ("drives", "outputs", "limit", "pixels"),
    [(4, 3, None, 64), (4, 3, 5, 20), (4, 3, 2.6, 11), (4, 30, 5, 30), (40, 3, 5, 64)],
)
def test_pixels_per_drive_lower_the_smallest_number_of_pixels(drives, outputs, limit, pixels):
    substrate = make("optical", camera_pixels=64, pixels_per_drive=limit)
    assert substrate.make_medium(drives, outputs).out_features == pixels


@pytest.mark.parametrize("read", list(Read))
def test_what_is_simulated_at_once_changes_no_picture(read, monkeypatch):
    drive = draws(70, 4)
    whole = make("optical").make_medium(4, 64).measure(drive, read)
    monkeypatch.setattr("pib_rl.physical.optical.scattering.AT_ONCE", 64 * 16)
    assert torch.equal(make("optical").make_medium(4, 64).measure(drive, read), whole)


def test_the_array_is_digital_or_optical():
    assert type(make("optical").make_array(9, 4)) is DigitalArray
    multiplier = make("multiplier", multiplier_bound=2.0, multiplier_bits=None)
    arrays = [multiplier.make_array(9, 4, readout=readout) for readout in (False, True)]
    assert all(type(array) is MultiplierArray for array in arrays)
    for array in arrays:
        array.program(torch.full((4, 9), 100.0))
    assert arrays[0].weights().max() == pytest.approx(2 / 3)
    assert arrays[1].weights().max() == pytest.approx(4 * 2 / 3)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("slm_pixels", 0),
        ("camera_pixels", 0),
        ("pixels_per_drive", 0),
        ("phase_range_rad", 0.0),
        ("phase_gain", -0.1),
        ("full_scale", 0.0),
        ("multiplier_bound", 0.0),
        ("reference", -0.1),
        ("reference", 1.0),
        ("photons", 0.0),
        ("array", "magic"),
    ],
)
def test_values_outside_their_range_are_refused(name, value):
    with pytest.raises(ValueError, match=rf"{name}.*got '?{value}"):
        OpticalConfig(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("detector_noise", -0.1),
        ("multiplier_bits", 40),
        ("camera_bits", 1),
        ("phase_gain", math.nan),
        ("full_scale", math.nan),
    ],
)
def test_values_that_make_no_bench_are_refused(name, value):
    with pytest.raises(ValueError, match=rf"{name}.*got {value}"):
        OpticalConfig(**{name: value})
