"""Benches by name; what a picture takes of time and energy; what modulators of a multiplier do when they stick."""

from __future__ import annotations

import pytest
import torch
from chips import draws, make

from pib_rl.common.streams import Streams
from pib_rl.physical import registry
from pib_rl.physical.meter import PARTS, Meter
from pib_rl.physical.optical.config import OpticalConfig
from pib_rl.physical.optical.multiplier import MultiplierArray
from pib_rl.physical.optical.substrate import Optical
from pib_rl.physical.substrate import Read


@pytest.mark.parametrize("preset", Optical.presets)
def test_presets_make_benches_that_measure(preset):
    substrate = registry.make(f"optical:{preset}", {"camera_pixels": 30}, Streams(1), Meter())
    assert substrate.describe()
    medium = substrate.make_medium(6, 9)
    seen = medium.measure(draws(2000, 6))
    assert seen.isfinite().all()
    assert seen.std() == pytest.approx(1, abs=0.5)
    assert seen.mean(0).abs().max() < 0.3


def test_a_picture_takes_a_refresh_settling_and_a_frame():
    substrate = make("optical", modulator_rate_hz=50.0, settle_time_s=0.003, camera_rate_hz=200.0)
    assert substrate.make_medium(4, 4).latency == pytest.approx(0.02 + 0.003 + 0.005)
    assert substrate.make_array(4, 4).latency == 0
    assert make("multiplier", modulator_rate_hz=50.0, settle_time_s=0.003, camera_rate_hz=200.0).make_array(
        4, 4
    ).latency == pytest.approx(0.028)
    pictures = {
        name: registry.make(f"optical:{name}", {}, Streams(), Meter()).make_medium(4, 4).latency
        for name in Optical.presets
    }
    assert min(pictures, key=pictures.get) == "dmd"
    assert pictures["dmd"] == pytest.approx(43e-6 + 1 / 751)


def test_energies_are_those_of_their_formulas():
    options = {
        "modulator_rate_hz": 50.0,
        "settle_time_s": 0.005,
        "camera_rate_hz": 200.0,
        "modulator_power_w": 8.0,
        "camera_power_w": 2.0,
        "photons": 500.0,
        "wavelength_nm": 500.0,
        "light_efficiency": 0.01,
    }
    x, medium = draws(7, 4), make("optical", **options).make_medium(4, 100)
    costs = {part: float(joules) for part, joules in medium.costs(x, medium.measure(x)).items()}
    assert set(costs) <= set(PARTS)
    adc = 100 * 30e-15 * 256
    assert costs == pytest.approx(
        {
            "modulator": 7 * 8 * 0.03,
            "camera": 7 * (2 / 200 - adc),
            "converters": 7 * adc,
            "light": 7 * 100 * 500 * 3.9728917e-19 / 0.01,
        },
        rel=1e-6,
    )
    powered = make("optical", **options, laser_power_w=5.0).make_medium(4, 100)
    assert float(powered.costs(x, x)["light"]) == pytest.approx(7 * 5 * 0.03)
    assert "light" not in make("optical", **{**options, "photons": None}).make_medium(4, 100).costs(x, x)
    assert set(make("optical").make_array(4, 4).costs(x, x)) == {"digital"}
    assert float(make("optical", camera_bits=None).make_medium(4, 4).costs(x, x)["converters"]) == 0


def test_a_multiplier_costs_two_displays_two_detectors_an_output_and_a_picture_per_write():
    substrate = make(
        "multiplier", modulator_power_w=8.0, modulator_rate_hz=50.0, settle_time_s=0.005, camera_rate_hz=200.0
    )
    array, h = substrate.make_array(6, 3), draws(5, 6)
    costs = {part: float(joules) for part, joules in array.costs(h, array.measure(h)).items()}
    adc = 6 * 30e-15 * 256
    assert costs == pytest.approx(
        {"modulator": 5 * 2 * 8 * 0.03, "camera": 5 * (10 / 200 - adc), "converters": 5 * adc}
    )
    array.program(draws(3, 6))
    assert substrate.meter.joules() == pytest.approx({"programming": 8 * 0.025})


def stuck(fraction: float, seed: int = 0) -> MultiplierArray:
    array = make("multiplier", seed, detector_noise=0.0).make_array(40, 50)
    assert set(array.faults()) == {"stuck"}
    array.faults()["stuck"](fraction)
    return array


def test_stuck_modulators_hold_a_random_weight():
    array, healthy = stuck(0.3), make("multiplier").make_array(40, 50)
    fixed = array.free == 0
    assert fixed.float().mean() == pytest.approx(0.3, abs=5 * (0.21 / 2000) ** 0.5)
    assert torch.equal(array.weights()[~fixed], healthy.weights()[~fixed])
    bound = 4 / 40**0.5
    assert array.weights()[fixed].std() == pytest.approx(bound / 3**0.5, rel=0.1)
    before, wear = array.weights().clone(), array.wear.clone()
    array.program(torch.full((50, 40), 0.3))
    assert torch.equal(array.weights()[fixed], before[fixed])
    assert not (array.wear - wear)[fixed].any()
    assert (array.weights() != before)[~fixed].float().mean() > 0.9
    h = draws(9, 40)
    held = h @ torch.where(fixed, array.weights(), array.memory).T
    torch.testing.assert_close(array.measure(h, Read.IDEAL), held)
    array.faults()["stuck"](0.0)
    assert torch.equal(array.free == 0, fixed)
    array.faults()["stuck"](1.0)
    assert torch.equal(array.weights()[fixed], before[fixed])
    assert not array.free.any()


def test_stuck_modulators_are_saved():
    array, other = stuck(0.5), make("multiplier", 1, detector_noise=0.0).make_array(40, 50)
    other.load_state_dict(array.state_dict())
    for each in (array, other):
        each.program(draws(50, 40))
    assert torch.equal(array.weights(), other.weights())
    with pytest.raises(ValueError, match=r"0\.\.1, got 1\.5"):
        array.faults()["stuck"](1.5)


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"modulator": "lcd"}, "modulator.*slm or dmd or ferroelectric.*'lcd'"),
        ({"modes": 0}, "modes.*> 0.*0"),
        ({"unmodulated": 1.0}, "unmodulated.*1"),
        ({"crosstalk": -1.0}, "crosstalk.*-1"),
        ({"phase_bits": 1}, "phase_bits"),
        ({"constant_phasor": -0.1}, "constant_phasor"),
        ({"decorrelation_time_s": 0.0}, "decorrelation_time_s.*none"),
        ({"quantum_efficiency": 1.1}, r"quantum_efficiency.*in 0\.\.1"),
        ({"full_well_electrons": 0.0}, "full_well_electrons"),
        ({"modulator": "dmd", "phase_bits": 8}, "phase_bits.*modulator dmd"),
        ({"dead_pixels": 1.0}, "dead_pixels"),
        ({"modulator": "ferroelectric", "crosstalk": 1.0}, "crosstalk.*ferroelectric"),
        ({"photons": None, "read_noise_electrons": 1.0}, "read_noise_electrons.*needs photons"),
        ({"light_efficiency": 2.0}, r"light_efficiency.*in 0\.\.1.*2"),
        ({"photons": None, "full_well_electrons": 1.0}, "full_well_electrons.*needs photons"),
        ({"camera_rate_hz": 0.0}, "camera_rate_hz"),
    ],
)
def test_benches_that_cannot_be_are_refused(options, names):
    with pytest.raises(ValueError, match=names):
        OpticalConfig(**options)
