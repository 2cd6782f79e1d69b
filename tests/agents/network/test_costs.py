"""The bill: energy, latency, wear of a small policy, counted by hand."""

from __future__ import annotations

import pytest
import torch
from gymnasium import spaces

from pib_rl.agents.network.costs import costs, format_costs
from pib_rl.agents.policy import PIBPolicy
from pib_rl.physical.digital import MAC_J

EXACT_COST = {
    "read_voltage_v": 0.5,
    "max_conductance_us": 20.0,
    "read_time_s": 1e-6,
    "dac_energy_j": 1e-12,
    "adc_energy_j": 2e-12,
    "dac_time_s": 1e-9,
    "adc_time_s": 3e-9,
    "write_energy_j": 5e-12,
}


def chip(hw="memristive", **options):
    """The model of a policy."""
    policy = PIBPolicy(spaces.Box(-1, 1, (4,)), spaces.Discrete(2), hw=hw, width=8, units=2, hw_options=options)
    return policy.model


def spent(model, act):
    """By what the costs grew."""
    before = costs(model)
    act()
    after = costs(model)
    return {name: after[name] - before[name] for name in ("energy_j", "reference_j", "measurements", "writes")} | {
        "parts": {
            part: after["energy_parts_j"][part] - before["energy_parts_j"].get(part, 0)
            for part in after["energy_parts_j"]
        }
    }


def test_a_pass_costs_conversions_current_and_nothing_else():
    model = chip(**EXACT_COST)
    cost = spent(model, lambda: model.outputs(torch.randn(10, 4, generator=torch.Generator().manual_seed(0))))
    drives, seen, outputs = 4 + 8 + 8, 4 + 8 + 8, 8 + 8 + 3
    assert cost["parts"]["converters"] == pytest.approx(10 * (drives * 1e-12 + (seen + outputs) * 2e-12))
    assert set(cost["parts"]) == {"array", "converters"}
    assert cost["reference_j"] == pytest.approx(10 * (4 * 8 + 8 * 8 + 17 * 3) * MAC_J)
    assert cost["energy_j"] == pytest.approx(sum(cost["parts"].values()))
    assert costs(model)["latency_s"] == pytest.approx(3 * (1e-9 + 3e-9) + 3 * (1e-6 + 3e-9))


def test_the_current_through_every_device_is_paid_for():
    model = chip(**EXACT_COST)
    array = model.network.chain[1].array
    h = torch.randn(10, 8, generator=torch.Generator().manual_seed(1))
    power = torch.einsum("ni,oi->n", (0.5 * h).square(), 20e-6 * array.pair.sum(0))
    cost = array.costs(h, array.measure(h))
    assert cost["array"].item() == pytest.approx(power.sum().item() * 1e-6, rel=1e-5)


def test_writes_wear_devices_and_cost_energy():
    model = chip(**EXACT_COST)
    array = model.network.chain[0].array
    delta = torch.zeros(8, 4)
    delta[2, 1] = 0.1
    cost = spent(model, lambda: [array.program(delta), array.program(delta)])
    assert cost["writes"] == 4
    assert cost["parts"]["programming"] == pytest.approx(4 * 5e-12)
    found = costs(model)
    assert found["writes_max_per_device"] == 2
    assert found["writes_mean_per_device"] == pytest.approx(4 / model.devices)
    assert found["endurance_used"] is None


def test_pulsed_devices_use_up_their_endurance():
    model = chip("memristive:pcm", programming="pulsed")
    model.readout.array.pulse(torch.ones(3, 17))
    assert costs(model)["endurance_used"] == pytest.approx(1 / 1e9)
    assert "(1e-09 of its endurance)" in format_costs(costs(model))


def test_nothing_is_counted_while_the_meter_stands_still():
    model = chip(**EXACT_COST)
    before = costs(model)
    with model.meter.paused():
        model.outputs(torch.zeros(5, 4))
    assert costs(model) == before


def test_digital_weights_cost_arithmetic_and_a_latency_that_is_not_known_is_not_told():
    model = chip("digital")
    cost = spent(model, lambda: model.outputs(torch.zeros(10, 4)))
    assert cost["parts"] == {"digital": pytest.approx(cost["reference_j"])}
    assert "How long a decision takes is not modelled." in format_costs(costs(model), 0.02)


def test_unknown_parts_are_refused():
    with pytest.raises(KeyError, match="'magic' is no part that energy goes to; known: array, converters"):
        chip().meter.spend({"magic": torch.ones(())})


def test_energy_that_no_part_tells_is_not_told_as_none():
    counted = costs(chip())
    assert "Its energy is not modelled; a processor needs" in format_costs(counted | {"energy_j": 0.0})
    assert "energy is not modelled" not in format_costs(counted | {"energy_j": 1.0})


def test_latency_is_told_as_a_fraction_of_the_control_period():
    found = costs(chip(**EXACT_COST))
    assert "A decision takes 3.02 us of the 20 ms that the task leaves: fast enough" in format_costs(found, 0.02)
    assert "A decision takes 3.02 us, 3 times the 1 us that the task leaves: too slow" in format_costs(found, 1e-6)


def test_energy_is_told_beside_a_processors_and_by_its_largest_part():
    found = costs(chip()) | {"energy_j": 4.0, "reference_j": 2e-6, "energy_parts_j": {"camera": 3.0, "light": 1.0}}
    line = format_costs(found).splitlines()[1]
    times = "2,000,000 times what a processor needs for the same products (2 uJ)"
    assert line == f"It took 4 J, {times}; 75% of it goes into: camera."


def test_digital_weights_have_no_most_written_device():
    assert "changes of 147 digital weights, which do not wear" in format_costs(costs(chip("digital")))
    assert costs(chip("digital"))["digital_weights"] == costs(chip("digital"))["devices"]
    assert costs(chip("memristive"))["digital_weights"] is None
