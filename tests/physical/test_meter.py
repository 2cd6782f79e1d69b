"""The meter: measurements and writes, what each array counts, and pauses."""

from __future__ import annotations

import pytest
import torch
from chips import draws, make

from pib_rl.physical.meter import Meter


def test_counts_add_up_as_integers():
    meter = Meter()
    meter.read(8, weights=10)
    meter.read(128, weights=1)
    meter.write(torch.tensor(5))
    meter.write(torch.tensor(7))
    assert meter.totals() == {"measurements": 136, "writes": 12, "products": 208}
    assert all(type(count) is int for count in meter.totals().values())


def test_counts_are_exact_where_float32_is_not():
    meter = Meter()
    meter.read(2**40, weights=1)
    meter.read(1, weights=1)
    meter.write(torch.tensor(2**40))
    meter.write(torch.tensor(1))
    assert meter.totals() == dict.fromkeys(("measurements", "writes", "products"), 2**40 + 1)


def test_nothing_is_counted_in_a_pause():
    meter = Meter()
    meter.read(3)
    with meter.paused():
        meter.read(100, weights=5)
        with meter.paused():
            meter.write(torch.tensor(100))
        meter.write(torch.tensor(100))
    meter.read(4)
    meter.write(torch.tensor(2))
    assert meter.totals() == {"measurements": 7, "writes": 2, "products": 0}


def test_a_pause_ends_with_an_error_too():
    meter = Meter()
    with pytest.raises(RuntimeError), meter.paused():
        raise RuntimeError
    meter.read(1)
    assert meter.totals()["measurements"] == 1


def test_a_reset_forgets_what_was_noted_and_what_was_counted():
    meter = Meter()
    for _ in range(2):
        meter.read(9, weights=2)
        meter.write(torch.tensor(4), 1e-12)
        meter.spend({"array": torch.tensor(1.0), "light": 2.0})
        meter.reset()
        assert meter.totals() == {"measurements": 0, "writes": 0, "products": 0}
        assert meter.joules() == {}


def test_who_asks_for_a_sum_changes_no_digit_of_later_ones():
    asked, left = Meter(), Meter()
    for number in range(200):
        for meter in (asked, left):
            meter.spend({"array": torch.tensor(0.1 + number / 7, dtype=torch.float64), "light": 0.3 / (1 + number)})
            meter.write(torch.tensor(number), 1e-13)
        asked.joules()
        asked.totals()
    assert all(torch.equal(value, left.state_dict()[name]) for name, value in asked.state_dict().items())
    assert asked.joules() == left.joules()


def test_counts_travel_in_the_state():
    meter, loaded = Meter(), Meter()
    meter.read(9)
    meter.write(torch.tensor(4))
    loaded.load_state_dict(meter.state_dict())
    assert loaded.totals() == meter.totals()


@pytest.mark.parametrize(("kind", "per_weight"), [("digital", 1), ("memristive", 2)])
def test_arrays_count_a_pulse_per_device_that_was_asked_to_change(kind, per_weight):
    chip = make(kind)
    array = chip.make_array(10, 6)
    delta = draws(6, 10)
    delta[2] = 0
    array.program(delta)
    array.program(torch.zeros(6, 10))
    assert chip.meter.totals() == {"measurements": 0, "writes": 50 * per_weight, "products": 0}


def test_modulators_count_settings_that_changed():
    chip = make("multiplier")
    array = chip.make_array(10, 6, readout=True)
    step = array._modulator.step
    array.program(torch.full((6, 10), 0.3 * step))
    assert chip.meter.totals()["writes"] == 0
    delta = torch.zeros(6, 10)
    delta[:, :4] = 0.3 * step
    array.program(delta)
    assert chip.meter.totals()["writes"] == 24


def test_fabrication_costs_no_writes():
    for kind in ("digital", "memristive", "multiplier"):
        chip = make(kind)
        chip.make_medium(4, 8)
        chip.make_array(10, 6)
        assert chip.meter.totals() == {"measurements": 0, "writes": 0, "products": 0}


def test_a_lap_counts_from_zero_and_leaves_the_total():
    meter = Meter()
    meter.spend({"light": torch.tensor(1e6, dtype=torch.float64)})
    with meter.lap() as joules:
        meter.spend({"light": torch.tensor(1e-12, dtype=torch.float64)})
        meter.spend({"array": torch.tensor(2e-12, dtype=torch.float64)})
        assert joules() == 3e-12
    assert meter.joules() == {"array": 2e-12, "light": 1e6 + 1e-12}
