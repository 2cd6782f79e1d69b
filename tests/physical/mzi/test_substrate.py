"""The mzi substrate: what its parts cost, and what it refuses."""

from __future__ import annotations

import math

import pytest
import torch
from chips import LOSSLESS, make

from pib_rl.physical.mzi.config import MZIConfig
from pib_rl.physical.mzi.mesh import MeshMedium
from pib_rl.physical.mzi.weight_bank import WeightBank


def mesh(drives: int = 4, ports: int = 24, seed: int = 0, **options) -> MeshMedium:
    """A mesh without imperfections but for ``options``."""
    return make("mzi", seed, **{**LOSSLESS, "ports": 1, **options}).make_medium(drives, ports)


def bank(inputs: int = 25, outputs: int = 40, seed: int = 0, readout: bool = False, **options) -> WeightBank:
    """A weight bank without imperfections but for ``options``."""
    return make("mzi", seed, **{**LOSSLESS, **options}).make_array(inputs, outputs, readout=readout)


def test_energy_is_power_times_time():
    config = {
        "heater_power_w": 0.06,
        "settle_time_s": 1e-4,
        "laser_power_w": 0.01,
        "adc_energy_j": 2e-12,
        "dac_energy_j": 1e-12,
    }
    medium, array = mesh(4, 24, **config), bank(25, 40, readout=True, **config)
    assert medium.latency == pytest.approx(1e-4)
    assert array.latency == pytest.approx(2e-4)
    drive = torch.zeros(10, 4)
    costs = {name: float(value) for name, value in medium.costs(drive, torch.zeros(10, 24)).items()}
    assert costs == pytest.approx(
        {"modulator": 10 * 4 * 0.03 * 1e-4, "light": 10 * 0.01 * 1e-4, "converters": 40e-12 + 480e-12}
    )
    full = float(medium.costs(torch.full((10, 4), 100.0), torch.zeros(10, 24))["modulator"])
    assert full == pytest.approx(10 * 4 * 0.06 * 1e-4)
    costs = {name: float(value) for name, value in array.costs(torch.zeros(10, 25), torch.zeros(10, 40)).items()}
    assert costs == pytest.approx(
        {
            "array": 10 * 1000 * 0.03 * 2e-4,
            "modulator": 10 * 25 * 0.03 * 2e-4,
            "light": 10 * 0.01 * 2e-4,
            "converters": 2 * (250e-12 + 800e-12),
        }
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ports", 0),
        ("drive_phase_rad", 0.0),
        ("full_scale", -1.0),
        ("weight_bound", 0.0),
        ("array_range", math.nan),
        ("splitter_error_rad", -0.1),
        ("insertion_loss_db", -1.0),
        ("detector_noise", math.nan),
        ("dac_bits", 1),
        ("adc_bits", 30),
        ("reference", 1.0),
        ("reference", -0.1),
        ("crosstalk", 0.5),
        ("slope_floor", 0.0),
        ("heater_power_w", -1.0),
    ],
)
def test_values_outside_their_range_are_refused(name, value):
    with pytest.raises(ValueError, match=rf"mzi {name}.*got {value}"):
        MZIConfig(**{name: value})
