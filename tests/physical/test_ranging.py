"""Ranges that follow the signal: the gain chosen, what it does to errors, saved with the chip, off by default."""

from __future__ import annotations

import pytest
import torch
from chips import EXACT, draws, make

from pib_rl.physical.converters import Converter
from pib_rl.physical.memristive.config import MemristiveConfig
from pib_rl.physical.memristive.linear import LinearCrossbar
from pib_rl.physical.ranging import RangedConverter
from pib_rl.physical.substrate import Read

CALIBRATED = {**EXACT, "adc_bits": 8, "array_range": 4.0, "ranging": "calibrated"}


def crossbar(readout: bool = False, **options) -> LinearCrossbar:
    """A crossbar with an ADC whose range follows, and no imperfection but those in ``options``."""
    return make("memristive", **{**CALIBRATED, **options}).make_array(64, 100, readout=readout)


def gain_of(array: LinearCrossbar) -> float:
    return array._adc.gain.item()


@pytest.mark.parametrize(("size", "gain"), [(10.0, 1), (1.3, 1), (0.7, 1), (0.6, 2), (0.3, 4), (0.09, 8), (0.02, 16)])
def test_the_range_follows_the_signal_in_powers_of_two_within_the_amplifiers_gains(size, gain):
    array = crossbar()
    assert array.recalibrate(draws(500, 64, size=size)) == 500
    assert gain_of(array) == gain
    z = array.measure(draws(500, 64, seed=1, size=100.0), Read.MEAN)
    assert z.max().item() == pytest.approx(4.0 / gain)
    assert z.min().item() == pytest.approx(-4.0 / gain)


def test_a_range_opens_again_where_the_signal_has_grown():
    array = crossbar()
    for size, gain in ((0.1, 8), (1.0, 1), (0.1, 8)):
        array.recalibrate(draws(500, 64, size=size))
        assert gain_of(array) == gain


def test_rounding_errors_fall_by_the_gain_and_no_more_than_a_few_outputs_are_cut_off():
    calibrated, fixed = crossbar(), crossbar(ranging="fixed")
    h = draws(2000, 64, size=0.15)
    calibrated.recalibrate(h)
    exact = calibrated.measure(h, Read.IDEAL)
    inside = exact.abs() < 4.0 / gain_of(calibrated)
    errors = [(array.measure(h) - exact)[inside].std().item() for array in (fixed, calibrated)]
    assert errors[0] == pytest.approx(8 / 254 / 12**0.5, rel=0.02)
    assert errors[0] / errors[1] == pytest.approx(8.0, rel=0.02)
    for size in (0.05, 0.1, 0.2, 0.3, 0.5, 1.0):
        h = draws(2000, 64, size=size)
        calibrated.recalibrate(h)
        cut = calibrated.measure(h, Read.IDEAL).abs() > 4.0 / gain_of(calibrated)
        assert cut.float().mean() < 0.004  # 0.0027 of a normal law; new weights of 100 outputs differ in size


def test_a_signal_below_a_step_is_not_cut_off():
    array = crossbar(adc_bits=4)
    h = draws(500, 64, size=0.05)
    array._adc.open()
    assert not array.measure(h).any()
    array.recalibrate(h)
    ideal = array.measure(h, Read.IDEAL)
    assert gain_of(array) == 8  # 4/8 is just beyond 3 steps/sqrt(12)
    assert ideal.abs().max() < 4.0 / gain_of(array)


def test_no_signal_at_all_takes_the_largest_gain_and_no_number_the_smallest():
    array = crossbar(adc_bits=None)
    array.recalibrate(torch.zeros(10, 64))
    assert gain_of(array) == 16
    array.recalibrate(torch.full((10, 64), float("nan")))
    assert gain_of(array) == 1


def test_noise_and_bend_of_the_converter_are_relative_to_the_range_in_use():
    noisy, bent = crossbar(adc_bits=None, adc_noise=0.01), crossbar(adc_bits=None, adc_inl=0.01)
    h, small = draws(500, 64, size=0.2), draws(2000, 64, size=0.01)
    for array, gain in ((noisy, 4), (bent, 4)):
        array.recalibrate(h)
        assert gain_of(array) == gain
    off = noisy.measure(small) - noisy.measure(small, Read.MEAN)
    assert off.std().item() == pytest.approx(0.01 * 8 / 4, rel=0.02)
    off = bent.measure(small) - bent.measure(small, Read.IDEAL)
    assert off.mean().item() == pytest.approx(0.01 * 8 / 4, rel=0.02)


def test_the_range_is_saved_and_loaded():
    one, two, h = crossbar(), crossbar(), draws(500, 64, size=0.1)
    one.recalibrate(h)
    assert not torch.equal(one.measure(h), two.measure(h))
    two.load_state_dict(one.state_dict())
    assert gain_of(two) == 8
    assert torch.equal(one.measure(h), two.measure(h))


@pytest.mark.parametrize("stored", [0.0, -2.0, 3.0, 32.0, float("nan"), float("inf")])
def test_what_is_no_gain_stands_for_one_and_stays_as_it_is(stored):
    converter, value = RangedConverter(6, 2.0, 0.0, 16.0), draws(100)
    converter.load_state_dict({"bits": torch.tensor(6.0), "gain": torch.tensor(stored)})
    assert torch.equal(converter(value), Converter(6, -2.0, 2.0)(value))
    torch.testing.assert_close(converter.gain, torch.tensor(stored), equal_nan=True)


def test_lost_bits_stay_lost_at_any_gain():
    array = crossbar()
    array.faults()["adc-bits"](3)
    array.recalibrate(draws(500, 64, size=0.2))
    assert gain_of(array) > 1
    assert len(array.measure(draws(500, 64)).unique()) == 7
    torch.testing.assert_close(array.measure(draws(500, 64)).unique(), torch.linspace(-1, 1, 7) * 4 / gain_of(array))


def test_the_range_of_a_readout_and_fixed_ones_stay_and_measure_nothing():
    h = draws(50, 64, size=0.1)
    for array in (crossbar(readout=True), crossbar(ranging="fixed")):
        before = array.measure(h)
        assert array.recalibrate(h) == 0
        assert "_adc.gain" not in array.state_dict()
        assert torch.equal(array.measure(h), before)
        assert array.meter.joules() == {}


def test_until_it_is_calibrated_an_array_reads_as_with_a_fixed_range():
    h = draws(50, 64)
    one, two = (make("memristive", ranging=name).make_array(64, 10) for name in ("fixed", "calibrated"))
    assert torch.equal(one.measure(h), two.measure(h))


def test_ordinary_reads_cost_the_same_and_a_calibration_one_read_of_its_samples():
    one, two, h = crossbar(), crossbar(), draws(50, 64, size=0.1)
    one.recalibrate(h)
    spent = one.meter.joules()
    assert spent == {part: float(joules) for part, joules in two.costs(h, two.measure(h)).items()}
    assert {part: float(joules) for part, joules in one.costs(h, one.measure(h)).items()} == spent
    assert one.latency == two.latency


@pytest.mark.parametrize("device", ["pcm", "ecram"])
def test_crossbars_of_pulsed_devices_have_it_too(device):
    array = make("memristive", device=device, ranging="calibrated").make_array(64, 10)
    array.recalibrate(draws(200, 64, size=0.02))
    assert gain_of(array) == 16


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("ranging", "auto", "must be fixed or calibrated, got 'auto'"),
        ("gain_limit", 0.5, "must be >= 1, got 0.5"),
        ("gain_limit", float("nan"), "must be >= 1, got nan"),
        ("dac_inl", 0.3, "must be below 0.25 in size, got 0.3"),
        ("dac_inl", -0.25, "must be below 0.25 in size, got -0.25"),
        ("dac_noise", -0.1, "must be >= 0, got -0.1"),
    ],
)
def test_values_outside_their_range_are_refused(name, value, said):
    with pytest.raises(ValueError, match=f"{name} {said}"):
        MemristiveConfig(**{name: value})
