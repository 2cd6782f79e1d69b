"""The crossbar: programming law, bounds, stuck devices, read noise, converter, and each of them off."""

from __future__ import annotations

import pytest
import torch
from chips import EXACT, correlation, draws, make

from pib_rl.physical.memristive.config import MemristiveConfig
from pib_rl.physical.memristive.linear import LinearCrossbar
from pib_rl.physical.substrate import Read


def crossbar(inputs: int = 64, outputs: int = 100, readout: bool = False, seed: int = 0, **options) -> LinearCrossbar:
    """A crossbar with no imperfection but those in ``options``."""
    return make("memristive", seed, **{**EXACT, **options}).make_array(inputs, outputs, readout=readout)


def written(array: LinearCrossbar, delta: torch.Tensor) -> torch.Tensor:
    """What a write of ``delta`` changes."""
    before = array.weights().clone()
    array.program(delta)
    return array.weights() - before


@pytest.mark.parametrize("read", list(Read))
@pytest.mark.parametrize("readout", [False, True])
def test_without_imperfections_the_array_is_exact(read, readout):
    array = crossbar(30, 7, readout)
    h, delta = draws(20, 30), draws(7, 30, seed=1, size=0.05)
    wanted = array.weights() + delta
    array.program(delta)
    torch.testing.assert_close(array.measure(h, read), h @ wanted.T, rtol=1e-6, atol=1e-6 * 5)
    torch.testing.assert_close(array.weights(), wanted, rtol=1e-6, atol=1e-6)


def test_hidden_weights_start_at_one_over_root_of_inputs_and_readout_weights_at_zero():
    weights = crossbar(400, 100).weights()
    assert abs(weights.std() * 20 - 1) < 5 / (2 * 40_000) ** 0.5
    assert abs(weights.mean() * 20) < 5 / 40_000**0.5
    assert not crossbar(400, 100, readout=True).weights().any()


@pytest.mark.parametrize(("readout", "bound"), [(False, 2.0), (True, 9.0)])
def test_weights_clip_at_their_bound(readout, bound):
    array = crossbar(64, 10, readout, weight_bound=2.0, readout_bound=9.0)
    for sign in (1.0, -1.0):
        array.program(torch.full((10, 64), sign * 100))
        torch.testing.assert_close(array.weights(), torch.full((10, 64), sign * bound / 8))
    assert array.pair.min() >= 0
    assert array.pair.max() <= 1
    assert written(array, torch.full((10, 64), 0.01)).allclose(torch.tensor(0.01)), "must come back from the bound"


def test_initial_weights_lie_within_the_bound():
    weights = crossbar(64, 100, weight_bound=1.0).weights()
    assert weights.abs().max() <= 1 / 8 + 1e-6
    assert (weights.abs() > 1 / 8 - 1e-6).float().mean() == pytest.approx(0.317, abs=0.03)


def test_write_noise_of_a_device_and_of_a_pair():
    array = crossbar(write_noise=0.3)
    before = array.pair.clone()
    delta = torch.full((100, 64), 0.01)
    relative = written(array, delta) / delta - 1
    half = delta / (2 * array.scale)
    up, down = (array.pair - before) / half
    errors = [up - 1, -down - 1]
    for error in errors:
        assert abs(error.mean()) < 5 * 0.3 / 6400**0.5
        assert error.std() == pytest.approx(0.3, rel=5 / (2 * 6400) ** 0.5)
    assert abs(correlation(*errors)) < 5 / 6400**0.5
    # each device gets half of the write: dW = dw ((1 + e+) + (1 + e-)) / 2
    assert abs(relative.mean()) < 5 * 0.3 / (2 * 6400) ** 0.5
    assert relative.std() == pytest.approx(0.3 / 2**0.5, rel=5 / (2 * 6400) ** 0.5)
    assert abs(correlation(relative, written(array, delta))) < 5 / 6400**0.5, "new noise at every write"


def test_device_spread_is_drawn_once_per_device():
    array = crossbar(device_spread=0.2)
    delta = torch.full((100, 64), 0.01)
    for step in array.step:
        assert abs(step.mean() - 1) < 5 * 0.2 / 6400**0.5
        assert step.std() == pytest.approx(0.2, rel=5 / (2 * 6400) ** 0.5)
    assert abs(correlation(*array.step)) < 5 / 6400**0.5
    relative = written(array, delta) / delta
    torch.testing.assert_close(relative, array.step.mean(0), rtol=0, atol=1e-3)
    assert relative.std() == pytest.approx(0.2 / 2**0.5, rel=5 / (2 * 6400) ** 0.5)
    torch.testing.assert_close(written(array, -delta) / -delta, relative, rtol=0, atol=1e-3)


def test_no_device_steps_backwards():
    array = crossbar(device_spread=1.0)
    assert array.step.amin((1, 2)).tolist() == [0, 0]
    assert (written(array, torch.full((100, 64), 0.01)) >= 0).all()


def test_stuck_devices_never_move():
    array = crossbar(256, 100, stuck=0.1, write_noise=0.3)
    stuck, before = array.step == 0, array.pair.clone()
    for seed in range(5):
        array.program(draws(100, 256, seed=seed, size=0.05))
    for mask, old, new in zip(stuck, before, array.pair, strict=True):
        count, level = 25_600, old[mask]
        assert mask.float().mean() == pytest.approx(0.1, abs=5 * (0.09 / count) ** 0.5)
        assert torch.equal(new[mask], level)
        assert (new[~mask] != old[~mask]).float().mean() > 0.99
        assert abs(level.mean() - 0.5) < 5 * (1 / 12 / len(level)) ** 0.5, "stuck anywhere in 0..1, evenly"
        assert level.var() == pytest.approx(1 / 12, rel=0.1)
    assert abs(correlation(*stuck.float())) < 5 / 160, "each of a pair by itself"


def test_an_array_of_stuck_devices_cannot_be_programmed():
    assert not written(crossbar(stuck=1.0, write_noise=0.3), draws(100, 64)).any()


def test_read_noise_grows_with_the_input_and_is_new_for_every_sample():
    array = crossbar(25, 40, read_noise=0.02)
    for size in (1.0, 3.0):
        h = (size * draws(1, 25)).repeat(2000, 1)
        noise = array.measure(h) - h @ array.weights().T
        expected = 0.02 * (1 / 5) * h[0].norm()
        assert abs(noise.mean()) < 5 * expected / 80_000**0.5
        assert noise.std() == pytest.approx(float(expected), rel=5 / 160_000**0.5)
        assert abs(correlation(noise[1:], noise[:-1])) < 5 / 80_000**0.5
        assert abs(correlation(noise[:, 1:], noise[:, :-1])) < 5 / 80_000**0.5


@pytest.mark.parametrize(("readout", "span"), [(False, 2.0), (True, 5.0)])
def test_outputs_pass_an_adc_of_the_stated_range(readout, span):
    array = crossbar(30, 7, readout, adc_bits=5, array_range=2.0, readout_range=5.0)
    array.program(draws(7, 30, size=0.3))
    z = array.measure(draws(500, 30, seed=1, size=4), Read.MEAN)
    assert z.max() == pytest.approx(span)
    assert z.min() == pytest.approx(-span)
    assert len(z.unique()) == 31


def test_each_imperfection_of_the_array_switches_off_alone():
    def default(**options):
        return make("memristive", **options).make_array(64, 100)

    h, small = draws(50, 64, size=0.5), torch.full((100, 64), 1e-3)
    steps = default(device_spread=0.0).step
    assert set(steps.unique().tolist()) == {0.0, 1.0}
    healthy = default(stuck=0.0)
    assert (healthy.step > 0).all()
    torch.testing.assert_close(healthy.pair.sum(0), torch.ones(100, 64))
    quiet = default(read_noise=0.0)
    assert torch.equal(quiet.measure(h), quiet.measure(h, Read.MEAN))
    fine = default(adc_bits=None)
    torch.testing.assert_close(fine.measure(h, Read.MEAN), fine.measure(h, Read.IDEAL))
    sure = default(write_noise=0.0)
    expected = small * sure.step.mean(0)
    free = ((sure.pair - 0.5).abs() < 0.49).all(0)
    torch.testing.assert_close(written(sure, small)[free], expected[free], rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("weight_bound", 0.0),
        ("readout_bound", -1.0),
        ("drive_range", 0.0),
        ("array_range", -2.0),
        ("readout_range", 0.0),
        ("write_noise", -0.1),
        ("device_spread", -0.1),
        ("read_noise", -0.1),
        ("activation_gain_spread", -0.1),
        ("activation_offset_spread", -0.1),
        ("medium_noise", -0.1),
        ("stuck", -0.1),
        ("stuck", 1.1),
    ],
)
def test_values_outside_their_range_are_refused(name, value):
    with pytest.raises(ValueError, match=rf"{name}.* got {value}"):
        MemristiveConfig(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [("dac_bits", 1), ("adc_bits", 40), ("write_noise", float("nan")), ("weight_bound", float("nan"))],
)
def test_values_that_make_no_crossbar_are_refused(name, value):
    with pytest.raises(ValueError, match=rf"{name}.*got {value}"):
        MemristiveConfig(**{name: value})


def test_noise_of_the_converter_does_not_depend_on_the_inputs():
    array = crossbar(outputs=50, adc_noise=0.01, array_range=4.0)
    for size in (0.1, 1.0):  # larger ones leave the range, where noise is cut off
        h = draws(400, 64, size=size)
        off = array.measure(h) - array.measure(h, Read.MEAN)
        assert off.std().item() == pytest.approx(0.01 * 8, rel=0.03)


def test_noise_relative_to_each_conductance():
    array = crossbar(outputs=50, relative_read_noise=0.05)
    h = draws(1, 64).expand(4000, 64)
    off = array.measure(h) - array.measure(h, Read.MEAN)
    wanted = 0.05 * array.scale * (array.pair.square().sum(0) @ h[0].square()).sqrt()
    torch.testing.assert_close(off.std(0), wanted, rtol=0.06, atol=0)


@pytest.mark.parametrize("device", [None, "ecram"])
def test_wires_lower_what_is_read_and_an_ideal_read_does_not_see_them(device):
    wired, plain = (crossbar(outputs=50, device=device, wire_resistance_ohm=ohm) for ohm in (20.0, 0.0))
    h = draws(30, 64)
    assert torch.equal(wired.measure(h, Read.IDEAL), plain.measure(h, Read.IDEAL))
    ratio = (wired.measure(h, Read.MEAN).norm() / plain.measure(h, Read.MEAN).norm()).item()
    assert ratio < 0.999
    wired.program(torch.zeros(50, 64))
    again = wired.measure(h, Read.MEAN).norm() / plain.measure(h, Read.MEAN).norm()
    assert again.item() == pytest.approx(ratio, rel=1e-3)


def test_hot_wires_lower_it_more():
    cold, hot = (crossbar(outputs=50, wire_resistance_ohm=20.0, temperature_k=kelvin) for kelvin in (300.0, 400.0))
    assert hot._wire == pytest.approx(1.451 * cold._wire)


def test_conductances_drift_with_an_exponent_of_their_own_and_ages_add_up():
    once, twice = (crossbar(outputs=50, drift=0.1, drift_spread=0.02) for _ in range(2))
    before = once.pair.clone()
    once.age(980.0)
    for seconds in (380.0, 600.0):
        twice.age(seconds)
    torch.testing.assert_close(once.pair, twice.pair)
    exponents = -(once.pair / before).log() / torch.tensor(50.0).log()
    assert exponents.mean().item() == pytest.approx(0.1, abs=0.002)
    assert exponents.std().item() == pytest.approx(0.02, rel=0.07)
