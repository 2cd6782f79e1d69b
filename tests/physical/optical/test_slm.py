"""Modulators in front of the medium: levels, unmodulated light, cross-talk, mirrors."""

from __future__ import annotations

import math

import pytest
import torch
from chips import CLEAR, draws, make
from torch import Tensor

from pib_rl.physical.optical.scattering import DetailedMedium, ScatteringMedium
from pib_rl.physical.optical.slm import KERNEL_ORDER, KERNEL_WIDTH, FringedModulator, blur
from pib_rl.physical.substrate import Read


def bench(inputs: int = 5, pixels: int = 30, seed: int = 0, **options) -> ScatteringMedium:
    """A medium seen by a perfect camera, but for ``options``."""
    return make("optical", seed, **{**CLEAR, "camera_pixels": 1, **options}).make_medium(inputs, pixels)


def through(medium: ScatteringMedium, field: Tensor, light: float) -> Tensor:
    """|T e|^2 in double precision for fields of all pixels, shape (n, pixels), that carry so much light at rest."""
    matrix = torch.complex(*medium.transmission.double())
    return (field @ matrix.T / light**0.5).abs().square()


def phases(medium: ScatteringMedium, drive: Tensor) -> Tensor:
    """Phases of all pixels before levels and blur, pi tanh(0.1 drive) and 0."""
    signal = (math.pi * (0.1 * drive.double()).tanh()).repeat_interleave(medium.copies, 1)
    return torch.nn.functional.pad(signal, (0, medium.transmission.shape[-1] - signal.shape[1]))


def assert_shows(medium: ScatteringMedium, drive: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(medium.intensity(drive).double(), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("bits", [3, 8])
def test_phases_are_multiples_of_a_level(bits):
    medium, drive = bench(phase_bits=bits), draws(40, 5, size=4)
    step = 2 * math.pi / 2**bits
    levels = (phases(medium, drive) / step).round() * step
    assert_shows(medium, drive, through(medium, torch.exp(1j * levels), levels.shape[1]))
    exact = bench().measure(drive, Read.IDEAL)
    ideal, coarse = (medium.measure(drive, read) * medium.scale + medium.mean for read in (Read.IDEAL, Read.MEAN))
    torch.testing.assert_close(ideal, exact * bench().scale + bench().mean, rtol=1e-5, atol=1e-5)
    assert (coarse - ideal).abs().max() > 1e-3


@pytest.mark.parametrize("modulator", ["slm", "dmd"])
def test_a_fraction_of_the_light_knows_nothing_of_the_display(modulator):
    medium, drive = bench(unmodulated=0.3, modulator=modulator), draws(40, 5, size=4)
    pixels = medium.transmission.shape[-1]
    shown, light = (
        (torch.exp(1j * phases(medium, drive)), pixels) if modulator == "slm" else mirrors(medium, drive, 0.3)
    )
    assert_shows(medium, drive, through(medium, 0.7 * shown + 0.3, light))


def mirrors(
    medium: ScatteringMedium, drive: Tensor, unmodulated: float = 0.0, off: float = 0.0, gain: float = 0.5
) -> tuple[Tensor, float]:
    """What each pixel of a binary modulator shows, and how much light that is on the average over on and off."""
    count = ((1 + torch.tanh(gain * drive.double())) / 2 * medium.copies).round()
    shown = torch.ones(len(drive), medium.transmission.shape[-1], dtype=torch.complex128)
    for pixel in range(medium.signal_pixels):
        on = pixel % medium.copies < count[:, pixel // medium.copies]
        shown[:, pixel] = torch.where(on, 1.0, off)
    dark = off * (1 - unmodulated) + unmodulated
    return shown, shown.shape[1] - medium.signal_pixels + medium.signal_pixels * (1 + dark**2) / 2


@pytest.mark.parametrize(("modulator", "off"), [("dmd", 0.0), ("ferroelectric", -1.0)])
@pytest.mark.parametrize(("inputs", "slm_pixels", "gain"), [(5, 200, 0.5), (5, 64, 2.0), (30, 20, 0.5)])
def test_the_fraction_of_pixels_that_are_on_follows_the_drive(modulator, off, inputs, slm_pixels, gain):
    medium = bench(inputs, modulator=modulator, slm_pixels=slm_pixels, mirror_gain=gain)
    drive = draws(60, inputs)
    shown, light = mirrors(medium, drive, off=off, gain=gain)
    assert_shows(medium, drive, through(medium, shown, light))
    assert 0.4 < (shown[:, : medium.signal_pixels] == 1).double().mean() < 0.6


@pytest.mark.parametrize("modulator", ["dmd", "ferroelectric"])
def test_binary_displays_have_a_mean_intensity_of_one(modulator):
    seen = torch.cat([bench(8, 128, seed, modulator=modulator).intensity(draws(1, 8, seed=seed)) for seed in range(60)])
    assert abs(seen.mean() - 1) < 5 / seen.numel() ** 0.5


def dense_blur(columns: int, rows: int, taps: tuple[float, float]) -> Tensor:
    """The blur as a matrix over all places of the panel."""
    own, beside = taps
    line = [
        torch.diag(torch.full((n,), own, dtype=torch.float64))
        + torch.diag(torch.full((n - 1,), beside, dtype=torch.float64), 1)
        + torch.diag(torch.full((n - 1,), beside, dtype=torch.float64), -1)
        for n in (rows, columns)
    ]
    return torch.kron(*line)


@pytest.mark.parametrize(
    ("inputs", "slm_pixels", "reference", "unmodulated"),
    [(5, 64, 0.2, 0.0), (30, 64, 0.2, 0.1), (3, 9, 0.0, 0.0), (40, 10, 0.5, 0.0)],
)
def test_cross_talk_blurs_phases_over_neighbours_on_the_panel(inputs, slm_pixels, reference, unmodulated):
    medium = bench(inputs, slm_pixels=slm_pixels, reference=reference, crosstalk=1.5, unmodulated=unmodulated)
    drive = draws(30, inputs, size=6)
    pixels = medium.transmission.shape[-1]
    columns = math.ceil(pixels**0.5)
    rows = math.ceil(pixels / columns)
    panel = torch.nn.functional.pad(phases(medium, drive), (0, rows * columns - pixels))
    blurred = (panel @ dense_blur(columns, rows, blur(1.5)).T)[:, :pixels]
    shown = (1 - unmodulated) * torch.exp(1j * blurred) + unmodulated
    assert_shows(medium, drive, through(medium, shown, pixels))


def test_the_blur_is_the_published_kernel_over_pixels():
    fine, places = 64, 40  # the kernel itself on a fine grid, as hologradpy makes it, then averaged over two pixels
    k = torch.fft.fftfreq(fine * places, 1 / fine, dtype=torch.float64)
    spectrum = torch.exp(-((k.abs() / KERNEL_WIDTH) ** KERNEL_ORDER))
    box = torch.zeros(fine * places, dtype=torch.float64)
    box[:fine] = 1
    blurred = torch.fft.ifft(torch.fft.fft(box) * spectrum).real
    own, beside = (float(blurred[place * fine : (place + 1) * fine].mean()) for place in (0, 1))
    assert blur(1.0) == pytest.approx((own / (own + 2 * beside), beside / (own + 2 * beside)), abs=1e-3)
    assert 0.05 < blur(1.0)[1] < 0.2


def test_blurs_keep_phase_and_light_and_vanish_with_their_width():
    for size in (1e-3, 0.5, 1.0, 2.0):
        own, beside = blur(size)
        assert own + 2 * beside == pytest.approx(1)
        assert own > beside > 0
    assert blur(1e-3)[1] < 1e-3
    assert blur(0.5)[1] < blur(1.0)[1] < blur(2.0)[1]
    medium = bench(9, crosstalk=1.0, reference=0.0, slm_pixels=9)
    modulator = medium.modulator
    assert isinstance(modulator, FringedModulator)
    inner = modulator.phases(torch.full((1, 9), 2.0), exact=True)[0, 4]  # the middle of a 3 x 3 panel of one phase
    assert inner == pytest.approx(math.pi * math.tanh(0.2), rel=1e-5)
    means = [bench(6, 200, seed, crosstalk=1.0).intensity(draws(1, 6, seed=seed, size=9)).mean() for seed in range(40)]
    assert abs(torch.stack(means).mean() - 1) < 5 / 8000**0.5  # pixels of |m| = 1: the light is all there


def test_weak_cross_talk_tends_to_none():
    drive = draws(20, 5)
    torch.testing.assert_close(bench(crosstalk=1e-4).intensity(drive), bench().intensity(drive), rtol=1e-3, atol=1e-3)


def test_only_what_one_pattern_of_phases_describes_has_the_class_with_a_twin():
    for options in ({}, {"phase_bits": 8}, {"unmodulated": 0.1}, {"constant_phasor": 0.5}, {"dead_pixels": 0.1}):
        assert type(bench(**options)) is ScatteringMedium
    for options in ({"modulator": "dmd"}, {"modulator": "ferroelectric"}, {"crosstalk": 1.0}, {"modes": 2}):
        assert type(bench(**options)) is DetailedMedium
