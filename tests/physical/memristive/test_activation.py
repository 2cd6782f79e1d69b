"""Memristive activations: mismatch, noise, converters, and each of them off."""

from __future__ import annotations

import pytest
import torch
from chips import EXACT, correlation, draws, make

from pib_rl.physical.converters import Converter
from pib_rl.physical.memristive.activation import ActivationMedium
from pib_rl.physical.substrate import Read


def activation(features: int = 10, seed: int = 0, **options) -> ActivationMedium:
    """Activations with no imperfection but those in ``options``."""
    return make("memristive", seed, **{**EXACT, **options}).make_medium(features, 99)


@pytest.mark.parametrize("read", list(Read))
def test_without_imperfections_activations_are_tanh(read):
    drive = draws(50, 10, size=2)
    torch.testing.assert_close(activation().measure(drive, read), torch.tanh(drive), rtol=1e-6, atol=1e-6)


def test_gain_and_offset_have_the_stated_spreads():
    medium, count = activation(20_000, activation_gain_spread=0.1, activation_offset_spread=0.05), 20_000
    assert abs(medium.gain.mean() - 1) < 5 * 0.1 / count**0.5
    assert medium.gain.std() == pytest.approx(0.1, rel=5 / (2 * count) ** 0.5)
    assert abs(medium.offset.mean()) < 5 * 0.05 / count**0.5
    assert medium.offset.std() == pytest.approx(0.05, rel=5 / (2 * count) ** 0.5)
    assert abs(correlation(medium.gain, medium.offset)) < 5 / count**0.5


def test_output_follows_its_formula():
    medium, drive = make("memristive").make_medium(10, 10), draws(200, 10, size=3)
    dac, adc = Converter(8, -6.0, 6.0), Converter(8, -1.0, 1.0)
    expected = adc(torch.tanh(medium.gain * dac(drive) + medium.offset))
    torch.testing.assert_close(medium.measure(drive, Read.MEAN), expected, rtol=0, atol=1e-6)
    assert torch.equal(medium.measure(drive, Read.IDEAL), torch.tanh(drive))


def test_drives_pass_a_dac():
    medium = activation(1, dac_bits=4, drive_range=1.5)
    h = medium.measure(torch.linspace(-9, 9, 4001)[:, None], Read.MEAN)
    assert len(h.unique()) == 15
    assert h.max() == pytest.approx(float(torch.tanh(torch.tensor(1.5))))


def test_outputs_pass_an_adc():
    h = activation(1, adc_bits=4).measure(torch.linspace(-9, 9, 4001)[:, None], Read.MEAN)
    torch.testing.assert_close(h.unique(), torch.linspace(-1, 1, 15))


def test_noise_is_relative_to_full_scale_and_new_for_every_sample():
    medium, drive = activation(40, medium_noise=0.02), draws(1, 40, size=0.5).repeat(2000, 1)
    noise = medium.measure(drive) - torch.tanh(drive)
    assert abs(noise.mean()) < 5 * 0.02 / 80_000**0.5
    assert noise.std() == pytest.approx(0.02, rel=5 / 160_000**0.5)
    assert abs(correlation(noise[1:], noise[:-1])) < 5 / 80_000**0.5
    assert abs(correlation(noise[:, 1:], noise[:, :-1])) < 5 / 80_000**0.5


def test_each_imperfection_of_the_medium_switches_off_alone():
    def default(**options):
        return make("memristive", **options).make_medium(10, 10)

    drive = draws(200, 10)
    assert (default(activation_gain_spread=0.0).gain == 1).all()
    assert default(activation_gain_spread=0.0).offset.all()
    assert not default(activation_offset_spread=0.0).offset.any()
    assert (default(activation_offset_spread=0.0).gain != 1).all()
    quiet = default(medium_noise=0.0)
    assert torch.equal(quiet.measure(drive), quiet.measure(drive, Read.MEAN))
    sharp, adc = default(dac_bits=None), Converter(8, -1.0, 1.0)
    expected = adc(torch.tanh(sharp.gain * drive + sharp.offset))
    assert (sharp.measure(drive, Read.MEAN) - expected).abs().max() <= adc.step + 1e-6
    assert (sharp.measure(drive, Read.MEAN) != expected).float().mean() < 0.01
    fine, dac = default(adc_bits=None), Converter(8, -6.0, 6.0)
    expected = torch.tanh(fine.gain * dac(drive) + fine.offset)
    torch.testing.assert_close(fine.measure(drive, Read.MEAN), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("bits", [None, 6])
def test_a_bent_dac_is_off_most_in_the_middle_of_its_range_behind_its_codes(bits):
    drive = torch.linspace(-9, 9, 4001)[:, None]
    straight, bent = (
        activation(1, dac_bits=bits, drive_range=1.5, dac_inl=inl).measure(drive, Read.MEAN).atanh()
        for inl in (0.0, 0.02)
    )
    off = bent - straight
    assert off.max().item() == pytest.approx(0.02 * 3.0, rel=1e-3)
    assert off[drive.abs() < 0.01].min().item() == pytest.approx(0.02 * 3.0, rel=1e-2)
    assert off[drive.abs() >= 1.5].abs().max() < 1e-5
    law = Converter(bits, -1.5, 1.5)(drive)
    torch.testing.assert_close(straight + 0.06 * (1 - (law / 1.5) ** 2), bent, rtol=0, atol=1e-5)


def test_noise_of_the_dac_is_relative_to_its_range_and_off_in_mean_reads():
    medium, drive = activation(40, dac_noise=0.01, drive_range=2.0), torch.zeros(2000, 40)
    sent = medium.measure(drive).atanh()
    assert sent.std().item() == pytest.approx(0.01 * 4.0, rel=0.02)
    assert abs(sent.mean()) < 5 * 0.04 / 80_000**0.5
    assert abs(correlation(sent[1:], sent[:-1])) < 5 / 80_000**0.5
    for read in (Read.MEAN, Read.IDEAL):
        assert not medium.measure(drive, read).any()


def test_an_ideal_read_has_a_straight_dac_and_no_bend_nor_noise_is_exactly_none():
    drive = draws(50, 10, size=2)
    assert torch.equal(activation(dac_inl=0.1, dac_noise=0.1).measure(drive, Read.IDEAL), torch.tanh(drive))
    plain, off = (
        make("memristive", **options).make_medium(10, 10) for options in ({}, {"dac_inl": 0.0, "dac_noise": 0.0})
    )
    assert torch.equal(plain.measure(drive), off.measure(drive))
