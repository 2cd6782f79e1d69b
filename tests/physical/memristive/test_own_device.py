"""Devices of one's own: the two further step laws, plain values, files, and what is refused."""

from __future__ import annotations

import pytest
import torch
from chips import make
from pulsed_chips import crossbar

from pib_rl.physical import registry
from pib_rl.physical.memristive.config import MemristiveConfig
from pib_rl.physical.memristive.devices import DEVICES, Device
from pib_rl.physical.memristive.own_device import from_plain, read_device
from pib_rl.physical.memristive.step_laws import PiecewiseStep, Population, PowerStep

UP = torch.tensor([True, False])


def population(high=1.5, low=-0.5, up=0.1, down=0.2) -> Population:
    return Population(*(torch.full((2,), value) for value in (high, low, up, down, 0.0, 0.0)))


def test_power_steps_against_the_formula():
    found = PowerStep(2.0, 0.5).step(torch.tensor([0.5, 0.5]), UP, population())
    torch.testing.assert_close(found, torch.tensor([0.1 * (1 / 1.5) ** 2, -0.2 * (1 / 0.5) ** 0.5]))
    at_zero = PowerStep(2.0, 0.5).step(torch.zeros(2), UP, population())
    torch.testing.assert_close(at_zero, torch.tensor([0.1, -0.2]))


def test_piecewise_steps_are_read_between_points():
    law = PiecewiseStep((1.0, 0.5, 0.0), (0.0, 2.0))
    found = law.step(torch.tensor([0.0, 1.0]), UP, population())  # a quarter, and three quarters of the range
    torch.testing.assert_close(found, torch.tensor([0.1 * 0.75, -0.2 * 1.5]))
    ends = law.step(torch.tensor([1.5, 1.5]), UP, population())
    torch.testing.assert_close(ends, torch.tensor([0.0, -0.4]))


@pytest.mark.parametrize(
    "values",
    [
        {"law": "constant"},
        {"law": "linear", "bend_up": 0.2, "bend_down": 0.3},
        {"law": "soft-bounds"},
        {"law": "exponential", "gamma_up": -2, "gamma_down": -2, "offset_up": -0.1, "offset_down": -0.1},
        {"law": "power", "gamma_up": 1.5, "gamma_down": 2},
        {"law": "piecewise", "steps_up": [1, 0.8, 0.5], "steps_down": [0.5, 0.8, 1]},
    ],
)
def test_every_law_makes_a_chip_that_is_programmed(values):
    values = values | {"step": 0.01}
    assert isinstance(from_plain(values), Device)
    chip = make("memristive", device=values)
    array = chip.make_array(4, 3)
    before = array.weights().clone()
    array.program(torch.full_like(before, 0.2))
    assert (array.weights() - before).mean() > 0.1


def test_a_published_device_from_plain_values_is_the_same():
    own = from_plain({"law": "linear", "bend_up": 0.1153, "bend_down": 0.5085, "bend_spread": 0.05, "step": 0.002,
                      "low": -0.8276, "high": 1.1724, "low_spread": 0.05, "high_spread": 0.05, "step_spread": 0.1,
                      "asymmetry_spread": 0.01, "pulse_noise": 0.3})  # fmt: skip
    one, other = (crossbar(device, outputs=5) for device in (own, DEVICES["ecram"]))
    for array in (one, other):
        array.pulse(torch.full((5, 64), 20.0))
    torch.testing.assert_close(one.held, other.held)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"law": "line", "step": 0.1}, "did you mean linear"),
        ({"step": 0.1}, "device law must be the name of a step law, got None"),
        ({"law": "power", "gamma_up": 1.0, "step": 0.1}, "it lacks gamma_down"),
        ({"law": "constant"}, "device lacks step"),
        ({"law": "constant", "step": 0.1, "hight": 1.0}, "device has no option 'hight'"),
        ({"law": "constant", "step": -0.1}, "device step must be > 0"),
        ({"law": "piecewise", "steps_up": [1], "steps_down": [1, 1], "step": 0.1}, "steps_up must be a list of 2"),
    ],
)
def test_bad_descriptions_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        MemristiveConfig(device=values)


def test_files_are_read_and_named_in_messages(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("law: constant\nparameters:\n  step: {value: 0.02, standard_error: 0.001}\n  high: 1.5\n")
    assert read_device(path) == {"law": "constant", "step": 0.02, "high": 1.5}
    name, options = registry.resolve(f"memristive:{path}", {"stuck": 0.1})
    assert (name, options) == ("memristive:mine.yaml", {"stuck": 0.1, "device": read_device(path)})
    assert registry.resolve(name, options) == (name, options)  # nothing is read again
    path.write_text(path.read_text() + "stuck: {value: 0.25, standard_error: 0.1}\n")
    assert registry.resolve(f"memristive:{path}", {})[1]["stuck"] == 0.25
    assert registry.resolve(f"memristive:{path}", {"stuck": 0.1})[1]["stuck"] == 0.1  # what is given goes first
    path.write_text("law: constant\nparameters: {step: 0.02}\nstuck: {value: 25}\n")
    with pytest.raises(ValueError, match=r"stuck must be the fraction of stuck devices, 0\.\.1, got \{'value': 25"):
        registry.check(f"memristive:{path}")
    path.write_text("law: constant\n")
    with pytest.raises(ValueError, match="describes no device"):
        registry.check(f"memristive:{path}")
    with pytest.raises(ValueError, match="digital takes no file"):
        registry.check(f"digital:{path}")
    with pytest.raises(ValueError, match=r"cannot read .*no\.yaml"):
        registry.check("memristive:no.yaml")
