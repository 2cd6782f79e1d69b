"""The camera: electrons, full well, read noise, dead pixels, where it stands."""

from __future__ import annotations

import math

import pytest
import torch
from chips import CLEAR, draws, make
from torch import Tensor

from pib_rl.physical.optical.scattering import ScatteringMedium
from pib_rl.physical.substrate import Read

SAMPLES = 4000


def bench(inputs: int = 5, pixels: int = 64, seed: int = 0, **options) -> ScatteringMedium:
    """A medium seen by a perfect camera, but for ``options``."""
    return make("optical", seed, **{**CLEAR, "camera_pixels": 1, **options}).make_medium(inputs, pixels)


def picture(medium: ScatteringMedium, drive: Tensor, read: Read = Read.NOISY) -> Tensor:
    """What the camera shows, in mean intensities: the standardisation undone."""
    return medium.measure(drive, read) * medium.scale + medium.mean


@pytest.mark.parametrize(
    ("photons", "efficiency", "read_noise_electrons"),
    [(2000.0, 0.5, 0.0), (2000.0, 1.0, 30.0), (400.0, 0.5, 10.0), (100.0, 0.5, 3.0)],
)
def test_variances_of_shots_and_of_reading_add_up_in_electrons(photons, efficiency, read_noise_electrons):
    medium = bench(photons=photons, quantum_efficiency=efficiency, read_noise_electrons=read_noise_electrons)
    drive, electrons = draws(1, 5), photons * efficiency
    intensity = medium.intensity(drive)[0].double()
    bright = (
        electrons * intensity > 5 * (electrons * intensity + read_noise_electrons**2).sqrt()
    )  # nothing is clipped at 0
    shown = picture(medium, drive.repeat(SAMPLES, 1)).double()[:, bright] * electrons
    expected = electrons * intensity[bright] + read_noise_electrons**2
    assert bright.sum() > 20
    assert ((shown.var(0) / expected - 1) / ((2 + 1 / expected) / SAMPLES) ** 0.5).abs().max() < 5
    assert ((shown.mean(0) - electrons * intensity[bright]) / (expected / SAMPLES) ** 0.5).abs().max() < 5


def test_darkness_is_not_clipped_by_the_noise_of_reading_it():
    medium = bench(photons=200.0, read_noise_electrons=40.0, modulator="dmd", reference=0.0, slm_pixels=1)
    drive = torch.full((SAMPLES, 5), -9.0)  # every mirror off
    shown = picture(medium, drive) * 200
    assert not medium.intensity(drive).any()
    assert abs(shown.mean()) < 5 * 40 / shown.numel() ** 0.5
    assert shown.std() == pytest.approx(40, rel=0.01)
    assert shown.min() == pytest.approx(-160, rel=1e-3)


def test_a_pixel_holds_no_more_than_its_full_well():
    medium, drive = bench(photons=1000.0, quantum_efficiency=0.8, full_well_electrons=500.0), draws(300, 5)
    intensity, shown = medium.intensity(drive), picture(medium, drive, Read.MEAN)
    torch.testing.assert_close(shown, intensity.clamp(max=500 / 800), rtol=1e-5, atol=1e-5)
    assert (intensity > 500 / 800).float().mean() > 0.2
    torch.testing.assert_close(picture(medium, drive, Read.IDEAL), intensity, rtol=1e-5, atol=1e-5)
    assert picture(medium, drive).max() <= 500 / 800 + 1e-5


@pytest.mark.parametrize(
    "option",
    [
        {"quantum_efficiency": 0.5, "photons": 2000.0},
        {"full_well_electrons": 1e9, "photons": 1000.0},
        {"laser_drift": 0.1, "photons": 1000.0},
        {"decorrelation_time_s": 1.0, "photons": 1000.0},
        {"laser_power_w": 3.0, "photons": 1000.0},
    ],
)
def test_options_without_an_effect_change_no_picture(option):
    drive = draws(50, 5)
    assert torch.equal(bench(**option).measure(drive), bench(photons=1000.0).measure(drive))


IMPERFECT = [
    {"phase_bits": 4},
    {"unmodulated": 0.1},
    {"crosstalk": 1.0},
    {"modes": 2},
    {"constant_phasor": 0.5},
    {"laser_noise": 0.1},
    {"camera_shift_pixels": 0.5},
    {"dead_pixels": 0.3},
    {"modulator": "dmd"},
    {"photons": 500.0, "read_noise_electrons": 20.0},
    {"photons": 500.0, "full_well_electrons": 500.0},
    {"photons": 500.0, "quantum_efficiency": 0.2},
]


@pytest.mark.parametrize("option", IMPERFECT, ids=lambda option: list(option)[-1])
def test_each_imperfection_is_one(option):
    drive = draws(50, 5)
    plain = bench(**({"photons": 500.0} if "photons" in option else {}))
    assert (bench(**option).measure(drive) - plain.measure(drive)).abs().max() > 1e-2


@pytest.mark.parametrize(
    "option",
    [
        {"phase_bits": 24},
        {"unmodulated": 1e-12},
        {"constant_phasor": 1e-14},
        {"laser_noise": 1e-9},
        {"camera_shift_pixels": 1e-9},
        {"dead_pixels": 1e-12},
    ],
)
def test_imperfections_tend_to_the_ideal_formula(option):
    drive = draws(50, 5)
    ideal = bench().intensity(drive)
    torch.testing.assert_close(picture(bench(**option), drive), ideal, rtol=1e-5, atol=1e-5)


def test_a_moved_camera_sees_parts_of_two_grains():
    medium, drive = bench(pixels=7), draws(40, 5)
    intensity = medium.intensity(drive)
    shift = medium.faults()["shift-camera"]
    shift(0.25)
    expected = 0.75 * intensity + 0.25 * intensity.roll(-1, 1)
    torch.testing.assert_close(picture(medium, drive), expected, rtol=1e-5, atol=1e-5)
    shift(2.0)
    expected = expected.roll(-2, 1)
    torch.testing.assert_close(picture(medium, drive, Read.IDEAL), expected, rtol=1e-5, atol=1e-5)
    shift(-2.25)
    torch.testing.assert_close(picture(medium, drive), intensity, rtol=1e-5, atol=1e-5)
    shift(-1.0)
    torch.testing.assert_close(picture(medium, drive), intensity.roll(1, 1), rtol=1e-5, atol=1e-5)


def test_a_camera_that_moves_beyond_all_frames_still_sees_grains():
    medium, drive = bench(pixels=7), draws(40, 5)
    medium.camera.move(1e30)
    shown, light = picture(medium, drive), medium.intensity(drive)
    torch.testing.assert_close(shown.sort(1).values, light.sort(1).values, rtol=1e-5, atol=1e-5)


def test_a_camera_that_moves_at_fabrication_was_calibrated_before():
    moved, straight = bench(camera_shift_pixels=0.5), bench()
    assert torch.equal(moved.mean, straight.mean)
    drive = draws(2000, 5)
    assert straight.measure(drive).mean(0).abs().max() < 0.2
    assert moved.measure(drive).mean(0).abs().max() > 1


def test_pixels_that_were_dead_at_calibration_show_nothing_and_later_ones_an_offset():
    drive = draws(500, 5)
    medium = bench(pixels=2000, dead_pixels=0.2)
    dead = medium.camera.live[0] == 0
    assert dead.float().mean() == pytest.approx(0.2, abs=5 * (0.16 / 2000) ** 0.5)
    assert not medium.measure(drive)[:, dead].any()
    medium.faults()["dead-pixels"](0.5)
    later = (medium.camera.live[0] == 0) & ~dead
    assert later.sum() / (~dead).sum() == pytest.approx(0.5, abs=5 * 0.5 / 1600**0.5)
    shown = medium.measure(drive)[:, later]
    torch.testing.assert_close(shown, (-medium.mean / medium.scale)[0, later].expand_as(shown), rtol=1e-5, atol=1e-5)
    assert torch.equal(medium.mean[:, ~later & ~dead], bench(pixels=2000).mean[:, ~later & ~dead])


@pytest.mark.parametrize(("bits", "codes"), [(2, 4), (5, 32), (12, 1024)])
def test_the_adc_loses_bits(bits, codes):
    medium, drive = bench(full_scale=4.0, camera_bits=10), draws(500, 5)
    medium.faults()["adc-bits"](bits)
    shown = picture(medium, drive)
    steps = shown / (4 / (codes - 1))
    assert (steps - steps.round()).abs().max() < 1e-3
    assert len(steps.round().unique()) <= codes


BREAK = {"rotate-medium": 30.0, "dead-pixels": 0.3, "adc-bits": 3, "drift": 1.0, "shift-camera": 0.7}


@pytest.mark.parametrize("kind", BREAK)
@pytest.mark.parametrize("options", [{}, {"crosstalk": 1.0, "modes": 2}, {"modulator": "dmd"}])
def test_broken_benches_are_saved_and_loaded_broken(kind, options):
    options = {"decorrelation_time_s": 3.0, "laser_drift": 10.0, "full_scale": 4.0, **options}
    medium, other, drive = bench(**options), bench(seed=1, **options), draws(60, 5)
    healthy = medium.measure(drive)
    faults = medium.faults()
    assert set(faults) == set(BREAK)
    faults[kind](BREAK[kind])
    broken = medium.measure(drive)
    assert (broken - healthy).abs().max() > 0.1
    other.load_state_dict(medium.state_dict())
    assert torch.equal(other.measure(drive), broken)
    assert all(buffer.is_floating_point() for buffer in other.buffers())


def test_faults_repeat_with_the_seed_and_differ_from_each_other():
    twins = [bench(), bench()]
    for medium in twins:
        medium.faults()["dead-pixels"](0.3)
    assert torch.equal(twins[0].camera.live, twins[1].camera.live)
    twins[0].faults()["dead-pixels"](0.3)
    assert twins[0].camera.live.sum() < twins[1].camera.live.sum()


@pytest.mark.parametrize(
    ("kind", "size"),
    [
        ("rotate-medium", 91.0),
        ("rotate-medium", -1.0),
        ("dead-pixels", 1.1),
        ("drift", -1.0),
        ("shift-camera", math.inf),
    ],
)
def test_sizes_outside_their_range_are_refused(kind, size):
    with pytest.raises(ValueError, match=f"got {size}"):
        bench().faults()[kind](size)
