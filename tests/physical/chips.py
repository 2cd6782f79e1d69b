"""Chips for the tests: each kind of hardware, made from a seed, and configurations with one or no imperfection."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from pib_rl.physical import registry
from pib_rl.physical.meter import Meter
from pib_rl.physical.streams import Streams
from pib_rl.physical.substrate import Substrate

# Every imperfection of the memristive substrate off; the ranges are wide enough never to bind.
EXACT: dict[str, Any] = {
    "write_noise": 0.0, "device_spread": 0.0, "stuck": 0.0, "read_noise": 0.0, "activation_gain_spread": 0.0,
    "activation_offset_spread": 0.0, "medium_noise": 0.0, "dac_bits": None, "adc_bits": None,
    "drive_range": 1e3, "array_range": 1e3, "readout_range": 1e3,
}
# A camera that neither adds shot noise nor quantises nor saturates.
CLEAR: dict[str, Any] = {"photons": None, "camera_bits": None, "full_scale": 1e6}

# Imperfect hardware, written out: no test depends on what the defaults are today.
CROSSBAR: dict[str, Any] = {
    "weight_bound": 4.0, "readout_bound": 16.0, "write_noise": 0.3, "device_spread": 0.2, "stuck": 0.01,
    "read_noise": 0.01, "activation_gain_spread": 0.1, "activation_offset_spread": 0.1, "medium_noise": 0.01,
    "dac_bits": 8, "adc_bits": 8, "drive_range": 6.0, "array_range": 4.0, "readout_range": 16.0,
}
BENCH: dict[str, Any] = {
    "slm_pixels": 64, "camera_pixels": 64, "reference": 0.2, "phase_gain": 0.1, "photons": 1000.0, "camera_bits": 8,
    "full_scale": 4.0, "array": "digital", "modulator_bits": 8, "modulator_bound": 4.0, "detector_noise": 0.01,
}
# A bench with what BENCH leaves out, but for what all pixels share at a read.
WORN: dict[str, Any] = {
    **BENCH, "phase_bits": 8, "crosstalk": 1.0, "unmodulated": 0.05, "modes": 2, "constant_phasor": 0.1,
    "decorrelation_time_s": 10.0, "laser_drift": 0.01, "camera_shift": 0.3, "dead_pixels": 0.05, "read_noise": 5.0,
    "quantum_efficiency": 0.8, "array": "modulator",
}
# (name, options) of every kind of hardware, by the name that pytest shows.
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "digital": ("digital", {}),
    "memristive": ("memristive", CROSSBAR),
    "optical": ("optical", BENCH),
    "modulator": ("optical", {**BENCH, "array": "modulator"}),
    "few_photons": ("optical", {**BENCH, "photons": 20.0, "array": "modulator"}),
    "mirrors": ("optical", {**BENCH, "display": "dmd"}),
    "worn_bench": ("optical", WORN),
}
NOISY_MEDIA = ["memristive", "optical", "modulator", "few_photons", "mirrors", "worn_bench"]
NOISY_ARRAYS = ["memristive", "modulator", "few_photons", "worn_bench"]


def make(kind: str, seed: int = 0, **options: Any) -> Substrate:
    """A substrate of one of `KINDS`, its options changed by ``options``."""
    name, defaults = KINDS[kind]
    return registry.make(name, {**defaults, **options}, Streams(seed), Meter())


def draws(*shape: int, seed: int = 0, size: float = 1.0) -> Tensor:
    """Normal numbers of standard deviation ``size`` that no stream of a chip has anything to do with."""
    return size * torch.randn(*shape, generator=torch.Generator().manual_seed(1000 + seed))


def correlation(a: Tensor, b: Tensor) -> float:
    """Pearson's correlation of two tensors of one size."""
    return float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1])
