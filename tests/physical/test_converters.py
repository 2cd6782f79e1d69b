"""Converters: codes, step, saturation and rounding error."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pib_rl.physical.converters import Converter

RANGES = [(-1.0, 1.0), (-6.0, 6.0), (0.0, 4.0), (-1.0, 3.0)]
UNSIGNED = [(0.0, 4.0), (-1.0, 3.0)]


def number_of_codes(bits: int, low: float, high: float) -> int:
    return 2**bits - 1 if low == -high else 2**bits


@pytest.mark.parametrize(("low", "high"), RANGES)
@pytest.mark.parametrize("bits", [2, 3, 8])
def test_codes_are_evenly_spread_over_the_whole_range(bits, low, high):
    converter = Converter(bits, low, high)
    codes = converter(torch.linspace(low - 1, high + 1, 200_001, dtype=torch.float64)).unique()
    expected = torch.linspace(low, high, number_of_codes(bits, low, high), dtype=torch.float64)
    assert len(codes) == len(expected)
    torch.testing.assert_close(codes, expected, rtol=0, atol=1e-12)
    assert converter.step == pytest.approx((high - low) / (len(expected) - 1), rel=1e-12)


@pytest.mark.parametrize(("low", "high"), RANGES)
@pytest.mark.parametrize("bits", [None, 4, 8])
def test_values_outside_saturate(bits, low, high):
    far = torch.tensor([low - 100, low - 1e-3, high + 1e-3, high + 100, -torch.inf, torch.inf])
    expected = torch.tensor([low, low, high, high, low, high])
    torch.testing.assert_close(Converter(bits, low, high)(far), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("bits", [2, 5, 8, 24])
@pytest.mark.parametrize("high", [1.0, 0.3, 7.0])
def test_zero_is_exact_in_a_symmetric_range(bits, high):
    converter = Converter(bits, -high, high)
    assert converter(torch.tensor([0.0, converter.step / 3, -converter.step / 3])).tolist() == [0, 0, 0]


@given(st.integers(2, 16), st.sampled_from(RANGES), st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_rounding_is_to_the_nearest_code(bits, ends, fractions):
    low, high = ends
    converter = Converter(bits, low, high)
    value = low + (high - low) * torch.tensor(fractions, dtype=torch.float64)
    converted = converter(value)
    assert (converted - value).abs().max() <= converter.step * (0.5 + 1e-9)
    codes = (converted - low) / converter.step
    assert (codes - codes.round()).abs().max() < 1e-6, "not one of the codes"
    assert torch.equal(converter(converted), converted), "a converted value must convert to itself"


@given(st.integers(2, 10), st.sampled_from(RANGES), st.floats(-10, 10), st.floats(0, 5))
def test_conversion_is_monotone(bits, ends, value, more):
    low, high = Converter(bits, *ends)(torch.tensor([value, value + more], dtype=torch.float64))
    assert low <= high


@pytest.mark.parametrize(("low", "high"), RANGES)
def test_without_bits_values_inside_are_exact(low, high):
    converter = Converter(None, low, high)
    inside = torch.linspace(low, high, 1001)
    assert torch.equal(converter(inside), inside)
    assert converter.step == 0


@pytest.mark.parametrize("bits", [None, 8])
@pytest.mark.parametrize(("low", "high"), [(-1.0, 1.0), (0.0, 1.0)])
def test_the_input_is_left_alone(bits, low, high):
    value = torch.linspace(-2, 2, 33)
    before = value.clone()
    converted = Converter(bits, low, high)(value)
    converted.add_(1)
    assert torch.equal(value, before)


@pytest.mark.parametrize("bits", [-3, 0, 1, 25, 64])
def test_impossible_resolutions_are_refused(bits):
    with pytest.raises(ValueError, match=rf"bits must be None or in 2\.\.24, got {bits}$"):
        Converter(bits, -1, 1)


@pytest.mark.parametrize(("low", "high"), [(1.0, 1.0), (2.0, -1.0), (float("nan"), 1.0)])
def test_empty_ranges_are_refused(low, high):
    with pytest.raises(ValueError, match=rf"low < high, got {low}\.\.{high}"):
        Converter(8, low, high)


@pytest.mark.parametrize("bits", [None, 16])
@pytest.mark.parametrize(("low", "high"), [(-2.0, 2.0), (0.0, 3.0)])
def test_a_bent_converter_is_off_most_in_the_middle_of_its_range(bits, low, high):
    bent, straight = Converter(bits, low, high, 0.01), Converter(bits, low, high)
    values = torch.linspace(low - 1, high + 1, 4001)
    off = bent(values) - straight(values)
    assert off.max() == pytest.approx(0.01 * (high - low), rel=0.02)
    assert values[off.argmax()] == pytest.approx((low + high) / 2, abs=0.1)
    assert off[(values <= low) | (values >= high)].abs().max() < 1e-6
    assert (bent(values).diff() >= -1e-6).all()


def test_a_converter_does_not_bend_back():
    with pytest.raises(ValueError, match=r"inl must be below 0\.25 in size, got 0\.3"):
        Converter(8, 0.0, 1.0, 0.3)
