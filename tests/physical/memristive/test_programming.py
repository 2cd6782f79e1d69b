"""Programming laws: what a wanted change becomes, on average and to the end."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from chips import draws
from pulsed_chips import PAIR, PLAIN, crossbar

from pib_rl.common.streams import Streams
from pib_rl.physical import registry
from pib_rl.physical.memristive.devices import DEVICES
from pib_rl.physical.memristive.programming import LONGEST
from pib_rl.physical.meter import Meter


def asked(array, size: float) -> torch.Tensor:
    """The same change of every weight, in units of the array's weight, for ``size`` in the device's."""
    return torch.full((50, 64), size * array.weight_unit)


@pytest.mark.parametrize("device", [PLAIN, PAIR])
def test_pulsed_gives_what_was_asked_on_average(device):
    array = crossbar(device, "pulsed")
    array.program(asked(array, 0.0125))
    assert sorted(set(array.wear.flatten().tolist())) == ([0, 1, 2] if device is PAIR else [1, 2])
    assert array.weight().mean().item() == pytest.approx(0.0125, abs=5 * 0.005 / 3200**0.5)


def test_trains_have_a_longest_length():
    array = crossbar(PLAIN, "pulsed")
    array.program(asked(array, 0.8))
    assert (array.wear == LONGEST).all()


@pytest.mark.parametrize("device", [PLAIN, PAIR])
@pytest.mark.parametrize("sign", [1, -1])
def test_an_accumulator_writes_when_a_step_is_due_and_loses_nothing(device, sign):
    array = crossbar(device, "accumulate")
    for call in range(1, 11):
        array.program(asked(array, sign * 0.0042))
        due = 0.0042 * call
        assert array.weight().mean().item() == pytest.approx(sign * 0.01 * int(due / 0.01 + 1e-4), abs=1e-5)
    assert array.meter.totals()["writes"] == 4 * 50 * 64


def test_verified_writes_arrive_in_spite_of_spread_noise_and_asymmetry():
    device = replace(PLAIN, step_spread=0.3, pulse_noise=0.5, asymmetry=0.3, low_spread=0.1, high_spread=0.1)
    wanted = {}
    for name in ("accumulate", "write-verify"):
        array = crossbar(device, name)
        for call in range(20):
            array.program(draws(50, 64, seed=call, size=0.05) * array.weight_unit)
        goal = sum(draws(50, 64, seed=call, size=0.05) for call in range(20))
        wanted[name] = (array.weight() - goal).square().mean().sqrt().item()
    assert wanted["write-verify"] < 0.02 < 0.05 < wanted["accumulate"]


def test_verified_writes_leave_alone_what_is_near_enough():
    array = crossbar(PLAIN, "write-verify")
    array.program(asked(array, 0.004))
    assert array.meter.totals()["writes"] == 0
    array.program(asked(array, 0.004))
    assert array.meter.totals()["writes"] == 50 * 64
    assert array.weight().mean().item() == pytest.approx(0.01)


def test_verified_writes_give_up_on_stuck_devices():
    array = crossbar(PLAIN, "write-verify")
    array.stick(1.0)
    array.program(asked(array, 0.5))
    assert array.wear.max() <= 5 * LONGEST


def test_the_controller_knows_the_mean_device():
    assert PLAIN.typical_step == pytest.approx(0.01)
    assert replace(PLAIN, asymmetry=0.2).typical_step == pytest.approx(0.009)
    assert DEVICES["pcm"].typical_step == pytest.approx(0.01 * (1 + 27.235 * torch.tensor(-1.25).exp().item()))


def test_names():
    with pytest.raises(ValueError, match="memristive has no programming 'write-verified'; did you mean write-verify"):
        registry.make("memristive:pcm", {"programming": "write-verified"}, Streams(0), Meter())
    with pytest.raises(ValueError, match="substrate memristive has no preset 'reram-e'; did you mean reram-es"):
        registry.make("memristive:reram-e", {}, Streams(0), Meter())
    with pytest.raises(ValueError, match="memristive has no device 'ecrm'; did you mean ecram"):
        registry.make("memristive", {"device": "ecrm"}, Streams(0), Meter())
    with pytest.raises(ValueError, match="programming pulsed is for pulsed devices"):
        registry.make("memristive", {"programming": "pulsed"}, Streams(0), Meter())
    chip = registry.make("memristive:pcm", {"adc_bits": 6}, Streams(0), Meter())
    assert chip.describe() == {"device": "pcm", "adc_bits": 6}
