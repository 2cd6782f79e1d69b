"""Step laws and presets of pulsed devices, against the formulas written out and the published tables."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pib_rl.physical.memristive.devices import DEVICES, Device
from pib_rl.physical.memristive.step_laws import ExponentialStep, LinearStep, Population

UP, DOWN = torch.tensor([True]), torch.tensor([False])


def mean_device(high=1.0, low=-1.0, up=0.01, down=0.01, bend_up=0.0, bend_down=0.0) -> Population:
    return Population(
        *(torch.tensor([value], dtype=torch.float64) for value in (high, low, up, down, bend_up, bend_down))
    )


def one(value: float) -> torch.Tensor:
    return torch.tensor([value], dtype=torch.float64)


@given(weight=st.floats(-1, 1))
def test_without_a_bend_every_step_is_the_same(weight):
    law, devices = LinearStep(), mean_device(up=0.02, down=0.03)
    assert law.step(one(weight), UP, devices).item() == pytest.approx(0.02)
    assert law.step(one(weight), DOWN, devices).item() == pytest.approx(-0.03)


@given(weight=st.floats(-0.5, 2))
def test_soft_bounds_let_steps_vanish_at_each_devices_own_ends(weight):
    law, devices = LinearStep(1.0, 1.0, own_ends=True), mean_device(2.0, -0.5, 0.02, 0.03, 1.0, 1.0)
    assert law.step(one(weight), UP, devices).item() == pytest.approx(0.02 * (1 - weight / 2), abs=1e-12)
    assert law.step(one(weight), DOWN, devices).item() == pytest.approx(-0.03 * (1 + weight / 0.5), abs=1e-12)


def test_linear_steps_bend_to_the_ends_of_the_mean_device():
    law, devices = LinearStep(0.2, 0.5, ends=(-0.8, 1.2)), mean_device(bend_up=0.2, bend_down=0.5)
    assert law.step(one(1.2), UP, devices).item() == pytest.approx(0.01 * 0.8)
    assert law.step(one(-0.8), DOWN, devices).item() == pytest.approx(-0.01 * 0.5)
    assert law.step(one(-0.8), UP, devices).item() == pytest.approx(0.01 * (1 + 0.2 * 0.8 / 1.2))


@given(weight=st.floats(-1, 1))
def test_exponential_steps_follow_their_formula(weight):
    law = ExponentialStep(5.0, 4.0, -1.2, 0.08, -0.5, -0.4)
    x = 2 * -0.5 * weight / 2 - 0.4
    exp = torch.tensor(x, dtype=torch.float64).exp
    assert law.step(one(weight), UP, mean_device()).item() == pytest.approx(
        0.01 * (1 + 1.2 * torch.tensor(5 * x, dtype=torch.float64).exp().item()), rel=1e-6
    )
    wanted = max(0.0, 1 - 0.08 * torch.tensor(-4 * x, dtype=torch.float64).exp().item())
    assert law.step(one(weight), DOWN, mean_device()).item() == pytest.approx(-0.01 * wanted, rel=1e-6, abs=1e-12)
    assert exp() > 0


def test_steps_of_phase_change_memory_fall_from_the_first_pulse_on():
    device = DEVICES["pcm"]
    devices = mean_device(2.0, 0.0, 0.01, 0.01)
    steps = [device.law.step(one(weight), UP, devices).item() for weight in (0.0, 1.0, 2.0)]
    assert steps == pytest.approx([0.28235, 0.0323558, 0.0118351], rel=1e-4)


@pytest.mark.parametrize(
    ("name", "states"),
    [
        ("reram-es", 1481),
        ("reram-sb", 1000),
        ("reram-array", 21),
        ("reram-hfo2", 4.3),
        ("pcm", 200),
        ("ecram", 1000),
        ("ecram-mo", 7089),
        ("capacitor", 400),
        ("idealised", 10_000),
        ("gokmen-vlasov", 1250),
    ],
)
def test_presets_have_as_many_states_as_published(name, states):
    assert DEVICES[name].states == pytest.approx(states, rel=0.01)


@pytest.mark.parametrize("name", DEVICES)
def test_presets_name_their_source(name):
    assert any(str(year) in DEVICES[name].source for year in range(2015, 2026))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"step": 0.0}, "step must be > 0, got 0.0"),
        ({"low": 0.5}, "low <= 0 < high, got 0.5"),
        ({"low": 0.0}, "one_sided False"),
        ({"noise": "loud"}, "got 'loud'"),
        ({"pulse_noise": -1.0}, "pulse_noise"),
        ({"endurance": 0.0}, "endurance must be > 0"),
        ({"stuck": 1.5}, r"in 0..1, got 1.5"),
        ({"drift": -0.1}, "drift"),
    ],
)
def test_devices_outside_their_range_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        replace(DEVICES["ecram"], **change)


def test_every_number_of_a_device_is_documented():
    assert all(f"        {field.name}: " in (Device.__doc__ or "") for field in fields(Device))
