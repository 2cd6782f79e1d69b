"""Verified writes: who is given up and who comes back, what is remembered, and what the reads cost."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from chips import draws
from pulsed_chips import PAIR, PLAIN, crossbar

from pib_rl.physical.memristive.devices import DEVICES
from pib_rl.physical.memristive.programming import LONGEST, WriteVerify
from pib_rl.physical.memristive.pulsed import PulsedCrossbar

JUDGED = WriteVerify.ROUNDS - 1  # rounds of a call whose answer is read in the same call


def verified(device=PLAIN, **options) -> PulsedCrossbar:
    return crossbar(device, "write-verify", **options)


def ask(array: PulsedCrossbar, goal: float) -> float:
    """Asks all weights for one value, in units of the device; pulses that the most written device got for it."""
    before = array.wear.clone()
    array.program((goal - array.memory) * array.weight_unit)
    return (array.wear - before).max().item()


def given_up(array: PulsedCrossbar) -> torch.Tensor:
    return array.silence.abs() >= WriteVerify.PATIENCE


FEW = {"pcm", "reram-es", "reram-hfo2"}  # of either law, and one of few large steps


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in FEW else pytest.mark.slow) for name in DEVICES]
)
def test_stuck_devices_are_given_up_and_working_ones_hardly_ever(name):
    array = verified(DEVICES[name], outputs=20, stuck=0.1)
    working = alive = (array.up > 0).all(0)
    for call in range(40 if name == "pcm" else 120):
        array.program(draws(20, 64, seed=call, size=0.02) * array.weight_unit)
    low, high = (0.95 * (end - array.reference)[0] for end in (array.low, array.high))
    if name != "pcm":  # a goal beyond the end of a device is given up, too
        working = working & (array.memory > low) & (array.memory < high)
    assert given_up(array)[working].float().mean() < 0.002
    stuck = given_up(array)[~alive].float().mean()
    assert stuck > (0.6 if name in ("pcm", "reram-hfo2") else 0.9), "of a pair one may work; few steps seldom miss"
    if name != "pcm":
        assert array.wear[0][~alive].max() <= (WriteVerify.PATIENCE + 120 * 0.2) * LONGEST


def test_a_stuck_device_gets_no_pulse_after_its_patience_and_one_round_when_the_direction_turns():
    array = verified()
    array.stick(1.0)
    array.held.zero_()
    array.seen.zero_()
    calls = -(-WriteVerify.PATIENCE // JUDGED)
    for _ in range(calls):
        assert ask(array, 0.5) > 0
    assert given_up(array).all()
    assert (array.silence > 0).all()
    assert ask(array, 0.9) == 0
    for turn in range(3):
        goal = 0.03 * (-1) ** (turn + 1)
        assert ask(array, goal) == 3, "one train"
        assert ask(array, 2 * goal) == 0


@pytest.mark.parametrize("noise", [0.0, 3.0])
def test_a_device_at_its_end_is_given_up_and_answers_when_the_direction_turns(noise):
    array = verified(replace(PLAIN, write_noise=noise))
    array.high.fill_(0.2)
    for _ in range(20):
        ask(array, 0.9)
    if noise == 0:
        assert given_up(array).all()
        assert ask(array, 0.9) == 0
    for _ in range(30):
        ask(array, -0.1)
    assert array.weight().mean().item() == pytest.approx(-0.1, abs=0.02)
    assert not given_up(array).any()


def test_an_answer_is_a_movement_in_the_wanted_direction():
    array = verified(replace(PLAIN, step_spread=0.0))
    fraction = WriteVerify.FRACTION * 0.005  # of the tolerance, half a step
    ask(array, 0.3)
    assert (array.silence == 0).all()
    for step, silent in ((1.01 * fraction / 10, 0), (0.9 * fraction / 10, JUDGED)):  # ten pulses a round
        array = verified()
        array.up.fill_(step)
        ask(array, 0.1)
        assert (array.silence == silent).all()
    array = verified()
    array.up.fill_(-0.001)  # moves, but away from the goal
    ask(array, 0.1)
    assert (array.silence == JUDGED).all()
    array = verified()
    array.up.fill_(0.05)  # one pulse leads beyond the goal, by more than the error was
    ask(array, 0.02)
    assert (array.silence == 0).all()


def test_who_was_given_up_stays_so_when_saved_and_loaded():
    one, other = verified(), verified(seed=1)
    one.stick(1.0)
    for _ in range(10):
        ask(one, 0.9)
    state = one.state_dict()
    assert state["silence"].is_floating_point()
    other.load_state_dict(state)
    out_of_reach = other.weight() < 0.85
    before = other.wear.clone()
    ask(other, 0.9)
    assert torch.equal(other.wear, before)
    assert out_of_reach.any()


@pytest.mark.parametrize("device", [PLAIN, PAIR])
def test_a_read_of_single_weights_costs_what_it_draws_and_one_conversion_each(device):
    array = verified(replace(device, pulse_energy_j=0.0), readout=False)
    drawn = array.conductances().double().sum().item()
    joule = 0.2**2 * 25e-6 * 1e-7
    array.program(torch.zeros(50, 64))
    assert array.meter.joules() == pytest.approx({"array": drawn * joule, "converters": 3200 * 1.67e-12})
    assert array.meter.totals() == {"measurements": 0, "writes": 0, "products": 0}


def test_only_weights_that_got_pulses_are_read_again_and_none_while_the_meter_stands():
    array = verified(replace(PLAIN, pulse_energy_j=0.0), adc_energy_j=1.0)
    wanted = torch.zeros(50, 64)
    wanted[:3] = 0.05 * array.weight_unit
    array.program(wanted)
    assert array.meter.joules()["converters"] == 3200 + 3 * 64
    with array.meter.paused():
        array.program(wanted)
    assert array.meter.joules()["converters"] == 3200 + 3 * 64
    array.stick(1.0)
    array.silence.fill_(WriteVerify.PATIENCE)
    array.program(torch.full((50, 64), 3.0 * array.weight_unit))
    assert array.meter.joules()["converters"] == 2 * 3200 + 3 * 64
