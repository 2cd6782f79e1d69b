"""The optical multiplier: quantised modulators, a memory that adds small writes up, detector noise."""

from __future__ import annotations

import pytest
import torch
from chips import correlation, draws, make

from pib_rl.physical.optical.multiplier import MultiplierArray
from pib_rl.physical.substrate import Read


def multiplier(inputs: int = 25, outputs: int = 40, readout: bool = False, seed: int = 0, **options) -> MultiplierArray:
    """A multiplier without detector noise, but for ``options``."""
    return make("multiplier", seed, **{"detector_noise": 0.0, **options}).make_array(inputs, outputs, readout=readout)


@pytest.mark.parametrize("bits", [3, 8])
def test_weights_are_codes_nearest_to_the_memory(bits):
    array = multiplier(25, 400, multiplier_bits=bits, multiplier_bound=2.0)
    step = 2 * 2.0 / 5 / (2**bits - 2)
    codes = array.weights() / step
    assert (codes - codes.round()).abs().max() < 1e-3
    assert len(codes.round().unique()) == 2**bits - 1
    assert (array.weights() - array.memory.clamp(-0.4, 0.4)).abs().max() <= step * 0.5001
    assert array.weights().abs().max() <= 0.4 + 1e-6


def test_hidden_memory_starts_at_one_over_root_of_inputs_and_readout_memory_at_zero():
    memory = multiplier(400, 100).memory
    assert abs(memory.std() * 20 - 1) < 5 / (2 * 40_000) ** 0.5
    assert abs(memory.mean() * 20) < 5 / 40_000**0.5
    readout = multiplier(400, 100, readout=True)
    assert not readout.memory.any()
    assert not readout.weights().any()


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_writes_smaller_than_a_step_add_up(sign):
    array = multiplier(readout=True)
    step = 2 * 16 / 5 / 254
    for count in range(1, 21):
        array.program(torch.full((40, 25), sign * 0.12 * step))
        codes = (array.weights() / step).unique()
        torch.testing.assert_close(codes, torch.tensor([sign * round(0.12 * count)]), rtol=0, atol=1e-3)


def test_the_memory_does_not_run_away_beyond_the_bound():
    array = multiplier(multiplier_bound=2.0)
    array.program(torch.full((40, 25), 100.0))
    torch.testing.assert_close(array.weights(), torch.full((40, 25), 0.4))
    array.program(torch.full((40, 25), -0.1))
    assert (array.weights() - 0.3).abs().max() < 0.005
    array.program(torch.full((40, 25), -100.0))
    torch.testing.assert_close(array.weights(), torch.full((40, 25), -0.4))


def test_reads_multiply_by_the_quantised_weights_and_ideal_ones_by_the_memory():
    array, h = multiplier(multiplier_bits=3), draws(20, 25)
    for read in (Read.MEAN, Read.NOISY):
        torch.testing.assert_close(array.measure(h, read), h @ array.weights().T)
    torch.testing.assert_close(array.measure(h, Read.IDEAL), h @ array.memory.T)
    assert (array.measure(h, Read.IDEAL) - array.measure(h, Read.MEAN)).abs().max() > 0.1


@pytest.mark.parametrize("read", list(Read))
def test_without_imperfections_the_array_is_exact(read):
    array, h, delta = multiplier(multiplier_bits=None, multiplier_bound=50.0), draws(20, 25), draws(40, 25, seed=1)
    wanted = array.weights() + delta
    array.program(delta)
    torch.testing.assert_close(array.measure(h, read), h @ wanted.T, rtol=1e-5, atol=1e-5)


def test_each_imperfection_switches_off_alone():
    h = draws(20, 25)
    quiet = multiplier(multiplier_bits=4)
    assert torch.equal(quiet.measure(h), quiet.measure(h, Read.MEAN))
    fine = multiplier(multiplier_bits=None, detector_noise=0.1)
    assert torch.equal(fine.measure(h, Read.MEAN), fine.measure(h, Read.IDEAL))
    assert not torch.equal(fine.measure(h), fine.measure(h, Read.MEAN))


def test_detector_noise_grows_with_the_input_and_is_new_for_every_sample():
    array = multiplier(detector_noise=0.02)
    for size in (1.0, 3.0):
        h = (size * draws(1, 25)).repeat(2000, 1)
        noise = array.measure(h) - array.measure(h, Read.MEAN)
        expected = 0.02 * h[0].norm() / 5
        assert abs(noise.mean()) < 5 * expected / 80_000**0.5
        assert noise.std() == pytest.approx(float(expected), rel=5 / 160_000**0.5)
        assert abs(correlation(noise[1:], noise[:-1])) < 5 / 80_000**0.5
        assert abs(correlation(noise[:, 1:], noise[:, :-1])) < 5 / 80_000**0.5
