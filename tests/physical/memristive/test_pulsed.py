"""Crossbars of pulsed devices: pulses, spreads, ranges, write noise, stuck devices, one-sided pairs, time."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from chips import correlation, draws
from pulsed_chips import PAIR, PLAIN, crossbar

from pib_rl.physical.memristive.devices import DEVICES
from pib_rl.physical.memristive.programming import PROGRAMMINGS
from pib_rl.physical.memristive.pulsed import PulsedCrossbar
from pib_rl.physical.memristive.step_laws import ExponentialStep, LinearStep
from pib_rl.physical.substrate import Read


def pulses(array: PulsedCrossbar, count: int) -> torch.Tensor:
    """Weights, in units of the device, after so many pulses to each."""
    array.pulse(torch.full((array.out_features, array.in_features), float(count)))
    array.settle()
    return array.weight()


@pytest.mark.parametrize("device", [PLAIN, PAIR, replace(PLAIN, low=-0.8, high=1.2)])
@pytest.mark.parametrize("readout", [False, True])
@pytest.mark.parametrize("read", list(Read))
def test_without_imperfections_the_array_is_exact(device, readout, read):
    array = crossbar(device, "ideal", readout=readout)
    h, delta = draws(20, 64), draws(50, 64, seed=1, size=0.02)
    bound = array.weight_unit * device.high
    wanted = (array.weights() + delta).clamp(array.weight_unit * (device.low or -device.high), bound)
    array.program(delta)
    torch.testing.assert_close(array.weights(), wanted, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(array.measure(h, read), h @ wanted.T, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("name", DEVICES)
def test_hidden_arrays_of_every_preset_start_with_the_usual_deviation(name):
    array = crossbar(replace(DEVICES[name], write_noise=0.0, centred=False), readout=False, inputs=100)
    assert array.weights().std().item() == pytest.approx(0.1, rel=0.12)


@pytest.mark.parametrize("device", [PLAIN, PAIR])
def test_pulses_move_a_weight_by_their_step(device):
    array = crossbar(device)
    torch.testing.assert_close(pulses(array, 3), torch.full((50, 64), 0.03))
    torch.testing.assert_close(pulses(array, -5), torch.full((50, 64), -0.02))
    bound = 16 / 8
    assert array.weights().mean().item() == pytest.approx(-0.02 * bound / (2 if device is PAIR else 1), rel=1e-4)


def test_weights_stay_within_the_range_of_each_device():
    array = crossbar(replace(PLAIN, high_spread=0.3, low_spread=0.1))
    assert pulses(array, 400).std().item() == pytest.approx(0.3, rel=0.1)
    assert pulses(array, -800).std().item() == pytest.approx(0.1, rel=0.1)
    assert array.weight().mean().item() == pytest.approx(-1, rel=0.02)


@pytest.mark.parametrize(
    ("noise", "deviation"),
    [
        ({"pulse_noise": 2.0}, 0.02),
        ({"pulse_noise": 2.0, "noise": "absolute"}, 0.02),
        ({"pulse_noise": 0.5, "noise": "graded", "noise_floor": 0.03}, 0.02),
        ({"step_spread": 0.2}, 0.002),
        ({"asymmetry_spread": 0.3}, 0.003),
    ],
)
def test_spread_of_one_pulse(noise, deviation):
    moved = pulses(crossbar(replace(PLAIN, **noise)), 1)
    assert moved.mean().item() == pytest.approx(0.01, abs=5 * deviation / 3200**0.5)
    assert moved.std().item() == pytest.approx(deviation, rel=0.07)


def test_noise_from_pulse_to_pulse_averages_and_spread_over_devices_does_not():
    assert pulses(crossbar(replace(PLAIN, pulse_noise=0.5)), 25).std().item() == pytest.approx(0.025, rel=0.07)
    assert pulses(crossbar(replace(PLAIN, step_spread=0.2)), 25).std().item() == pytest.approx(0.05, rel=0.07)


def test_log_normal_steps():
    moved = pulses(crossbar(replace(PLAIN, step_spread=0.5, log_normal=True)), 1)
    assert (moved / 0.01).log().std().item() == pytest.approx(0.5, rel=0.07)


@pytest.mark.parametrize("asymmetry", [0.3, -0.3])
def test_asymmetry_makes_one_direction_smaller(asymmetry):
    device = replace(PLAIN, asymmetry=asymmetry)
    up, down = pulses(crossbar(device), 1).mean().item(), pulses(crossbar(device), -1).mean().item()
    assert (up, down) == pytest.approx((0.01 * min(1, 1 + asymmetry), -0.01 * min(1, 1 - asymmetry)))


def test_centred_devices_come_to_rest_at_weight_zero():
    device = replace(
        PLAIN,
        law=LinearStep(1.0, 1.0, own_ends=True),
        high_spread=0.3,
        low_spread=0.3,
        step_spread=0.3,
        asymmetry_spread=0.2,
        centred=True,
    )
    for centred in (True, False):
        array = crossbar(replace(device, centred=centred))
        for _ in range(400):
            pulses(array, 1)
            pulses(array, -1)
        assert (array.weight().abs().mean().item() < 0.02) == centred


def test_write_noise_is_drawn_at_each_write_and_does_not_add_up():
    array = crossbar(replace(PLAIN, write_noise=8.0))
    first, second = pulses(array, 1).clone(), pulses(array, 1).clone()
    for weights, mean in ((first, 0.01), (second, 0.02)):
        assert weights.mean().item() == pytest.approx(mean, abs=0.008)
        assert weights.std().item() == pytest.approx(0.08, rel=0.07)
    assert abs(correlation(first, second)) < 0.1
    assert torch.equal(pulses(array, 0), second), "what is not written keeps its noise"


def test_stuck_devices_take_pulses_and_do_not_move():
    array = crossbar(stuck=0.25)
    before = array.weight().clone()
    moved = pulses(array, 5) != before
    assert moved.float().mean().item() == pytest.approx(0.75, abs=0.03)
    assert (array.wear == 5).all()
    array.stick(1.0)
    broken = array.weight().clone()
    assert broken.std().item() == pytest.approx(2 / 12**0.5, rel=0.05)
    assert torch.equal(pulses(array, 5), broken)


def test_a_full_pair_is_rewritten_and_keeps_its_difference():
    array = crossbar(PAIR)
    wanted = array.weight() + 0.3
    pulses(array, 30)
    for _ in range(5):
        pulses(array, 31)
        pulses(array, -31)
    torch.testing.assert_close(array.weight(), wanted, rtol=0, atol=0.011)
    assert array.held.max() < 0.75 * 2 + 0.32
    assert array.wear.min() > 150
    assert array.meter.totals()["writes"] == array.wear.sum().item()


def test_a_read_sees_the_conductances():
    array = crossbar(replace(PLAIN, low=-0.5, high=1.5), readout=False)
    plus, minus = array.conductances()
    torch.testing.assert_close((plus - minus) * array.scale, array.weights())
    assert torch.equal(minus, torch.full_like(minus, 0.25))
    assert plus.min() >= 0
    assert plus.max() <= 1


@pytest.mark.parametrize("name", DEVICES)
def test_no_conductance_is_ever_below_0_and_pairs_hold_what_is_read(name):
    device = DEVICES[name]
    array = crossbar(device, readout=False, outputs=200, stuck=0.1)
    for _ in range(4):
        pair = array.conductances()
        assert pair.shape == (2, 200, 64)
        assert pair.min() >= 0
        torch.testing.assert_close((pair[0] - pair[1]) * array.scale, array.weights(), rtol=0, atol=1e-6)
        pulses(array, -31)
    assert (array.seen >= array.low).all()
    if device.high_spread > 0.3:  # as published: single devices reach further than the mean one
        assert crossbar(device, readout=False, outputs=200, stuck=0.5).conductances().max() > 1


def test_conductances_drift_from_their_last_write_on():
    array = crossbar(replace(PAIR, drift=0.1, drift_start_s=20.0), "ideal", readout=False)
    before = array.weight().clone()
    array.age(480.0)
    torch.testing.assert_close(array.weight(), before * (500 / 20) ** -0.1)
    array.age(1500.0)
    torch.testing.assert_close(array.weight(), before * (2000 / 20) ** -0.1)
    array.shift(torch.ones(50, 64) * 1e-3)
    drifted = array.weight().clone()
    array.age(480.0)
    torch.testing.assert_close(array.weight(), drifted * (500 / 20) ** -0.1)


def test_charge_leaks():
    array = crossbar(replace(PLAIN, retention_time_s=2.0), readout=False)
    before = array.weight().clone()
    array.age(2.0)
    torch.testing.assert_close(array.weight(), before / 2.718281828)
    assert "drift" not in crossbar().faults()


@pytest.mark.parametrize("name", ["reram-es", "pcm", "capacitor"])
@pytest.mark.parametrize("programming", PROGRAMMINGS)
def test_a_saved_crossbar_goes_on_as_it_would_have(name, programming):
    one, other = (crossbar(DEVICES[name], programming, seed=seed, readout=False, stuck=0.1) for seed in (0, 1))
    one.program(draws(50, 64, size=0.05))
    other.load_state_dict(one.state_dict())
    other._streams.__setstate__(one._streams.__getstate__())
    for array in (one, other):
        array.age(3.0)
        array.program(draws(50, 64, seed=2, size=0.05))
    assert all(torch.equal(value, other.state_dict()[key]) for key, value in one.state_dict().items())


def test_programming_costs_energy_per_pulse():
    array = crossbar(replace(PLAIN, pulse_energy_j=3e-12))
    pulses(array, 2)
    assert array.meter.joules() == {"programming": pytest.approx(2 * 3200 * 3e-12)}


@pytest.mark.parametrize("name", ["reram-es", "reram-sb", "ecram", "capacitor"])
@pytest.mark.parametrize("count", [31, -31])
def test_pulses_computed_together_do_what_they_do_one_by_one(name, count):
    together, single = (crossbar(DEVICES[name], outputs=300) for _ in range(2))
    assert together._together > 3
    single._together = 1
    for array in (together, single):
        array.pulse(torch.full((300, 64), float(count)))
    moved = single.held.mean().item()
    assert together.held.mean().item() == pytest.approx(moved, abs=0.02 * abs(moved) + 0.001)
    assert together.held.std().item() == pytest.approx(single.held.std().item(), rel=0.05)
    assert DEVICES["pcm"].together == 1


def test_a_law_whose_step_vanishes_holds_its_end():
    device = replace(PLAIN, law=ExponentialStep(5.0, 5.0, 0.05, 0.05, 0.5, 0.1))
    assert pulses(crossbar(device), 500).max().item() < 1
