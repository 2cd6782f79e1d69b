"""Chips for the tests: each kind of hardware, made from a seed, and configurations with one or no imperfection."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from pib_rl.common.streams import Streams
from pib_rl.physical import registry
from pib_rl.physical.memristive.config import OF_DEVICES
from pib_rl.physical.meter import Meter
from pib_rl.physical.substrate import Substrate

# Every imperfection of the memristive substrate off; the ranges are wide enough never to bind.
EXACT: dict[str, Any] = {
    "write_noise": 0.0,
    "device_spread": 0.0,
    "stuck": 0.0,
    "read_noise": 0.0,
    "activation_gain_spread": 0.0,
    "activation_offset_spread": 0.0,
    "medium_noise": 0.0,
    "dac_bits": None,
    "adc_bits": None,
    "drive_range": 1e3,
    "array_range": 1e3,
    "readout_range": 1e3,
}
# A camera that neither adds shot noise nor quantises nor saturates.
CLEAR: dict[str, Any] = {"photons": None, "camera_bits": None, "full_scale": 1e6}
# A mesh and a weight bank without any imperfection; the ranges are wide enough never to bind.
LOSSLESS: dict[str, Any] = {
    "splitter_error_rad": 0.0,
    "phase_error_rad": 0.0,
    "insertion_loss_db": 0.0,
    "detector_noise": 0.0,
    "crosstalk": 0.0,
    "dac_bits": None,
    "adc_bits": None,
    "full_scale": 1e6,
    "array_range": 1e3,
    "readout_range": 1e3,
}
# A ring that moves by Newton's law alone and is read exactly.
UNDAMPED: dict[str, Any] = {
    "damping": 0.0,
    "thermal_energy": 0.0,
    "read_noise_rad": 0.0,
    "dac_bits": None,
    "adc_bits": None,
    "reach_rad": 1e3,
    "full_scale_rad": 1e3,
}

# Imperfect hardware, written out: no test depends on what the defaults are today.
CROSSBAR: dict[str, Any] = {
    "weight_bound": 4.0,
    "readout_bound": 16.0,
    "write_noise": 0.3,
    "device_spread": 0.2,
    "stuck": 0.01,
    "read_noise": 0.01,
    "activation_gain_spread": 0.1,
    "activation_offset_spread": 0.1,
    "medium_noise": 0.01,
    "dac_bits": 8,
    "adc_bits": 8,
    "drive_range": 6.0,
    "array_range": 4.0,
    "readout_range": 16.0,
}
BENCH: dict[str, Any] = {
    "slm_pixels": 64,
    "camera_pixels": 64,
    "reference": 0.2,
    "phase_gain": 0.1,
    "photons": 1000.0,
    "camera_bits": 8,
    "full_scale": 4.0,
    "array": "digital",
    "multiplier_bits": 8,
    "multiplier_bound": 4.0,
    "detector_noise": 0.01,
}
MESH: dict[str, Any] = {
    "ports": 24,
    "reference": 0.2,
    "drive_phase_rad": 0.6,
    "splitter_error_rad": 0.02,
    "phase_error_rad": 0.01,
    "insertion_loss_db": 0.1,
    "detector_noise": 0.002,
    "dac_bits": 8,
    "adc_bits": 8,
    "full_scale": 4.0,
    "weight_bound": 4.0,
    "readout_bound": 16.0,
    "crosstalk": 0.025,
    "slope_floor": 0.1,
    "array_range": 4.0,
    "readout_range": 16.0,
}
RING: dict[str, Any] = {
    "oscillators": 24,
    "displacement_rad": 0.3,
    "neighbours": 4,
    "coupling": 0.25,
    "coupling_spread": 0.5,
    "bias": 0.3,
    "time": 3.0,
    "steps": 20,
    "damping": 0.01,
    "thermal_energy": 1e-3,
    "read_noise_rad": 0.01,
    "dac_bits": 8,
    "adc_bits": 8,
    "reach_rad": 3.0,
    "full_scale_rad": 3.0,
}
# A bench with what BENCH leaves out, but for what all pixels share at a read.
WORN: dict[str, Any] = {
    **BENCH,
    "phase_bits": 8,
    "crosstalk": 1.0,
    "unmodulated": 0.05,
    "modes": 2,
    "constant_phasor": 0.1,
    "decorrelation_time_s": 10.0,
    "laser_drift": 0.01,
    "camera_shift_pixels": 0.3,
    "dead_pixels": 0.05,
    "read_noise_electrons": 5.0,
    "quantum_efficiency": 0.8,
    "array": "multiplier",
}
# (name, options) of every kind of hardware, by the name that pytest shows.
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "digital": ("digital", {}),
    "memristive": ("memristive", CROSSBAR),
    "optical": ("optical", BENCH),
    "multiplier": ("optical", {**BENCH, "array": "multiplier"}),
    "few_photons": ("optical", {**BENCH, "photons": 20.0, "array": "multiplier"}),
    "mzi": ("mzi", MESH),
    "oscillator": ("oscillator", RING),
    "mirrors": ("optical", {**BENCH, "modulator": "dmd"}),
    "worn_bench": ("optical", WORN),
}
NOISY_MEDIA = [kind for kind in KINDS if kind != "digital"]
NOISY_ARRAYS = ["memristive", "multiplier", "few_photons", "mzi", "worn_bench"]
# What takes the converters off, by kind, so that noise averages out. A detector of a mesh cuts noise off at no light.
SMOOTH: dict[str, dict[str, Any]] = {
    "memristive": {"adc_bits": None},
    "optical": {**CLEAR, "photons": 1000.0},
    "multiplier": {**CLEAR, "photons": 1000.0},
    "few_photons": {**CLEAR, "photons": 20.0},
    "mzi": {"adc_bits": None, "full_scale": 1e6, "detector_noise": 2e-5},
    "oscillator": {"adc_bits": None, "full_scale_rad": 1e6},
    "mirrors": {**CLEAR, "photons": 1000.0},
    "worn_bench": {**CLEAR, "photons": 1000.0},
}


# Crossbars of published devices, beside `KINDS`.
PULSED: dict[str, tuple[str, dict[str, Any]]] = {
    name: ("memristive", {**CROSSBAR, "device": name}) for name in ("reram-es", "pcm")
}


def make(kind: str, seed: int = 0, chips: int | None = None, **options: Any) -> Substrate:
    """A substrate of one of `KINDS` or `PULSED`, its options changed by ``options``; a wafer if ``chips`` is given.

    A published device gets none of the options of linear ones, which it would refuse.
    """
    name, defaults = (KINDS | PULSED)[kind]
    streams, settings = Streams(seed, chips), {**defaults, **options}
    if settings.get("device") is not None:
        settings = {option: value for option, value in settings.items() if option not in OF_DEVICES}
    return registry.make(name, settings, streams, Meter(streams.chips))


def draws(*shape: int, seed: int = 0, size: float = 1.0) -> Tensor:
    """Normal numbers of standard deviation ``size`` that no stream of a chip has anything to do with."""
    return size * torch.randn(*shape, generator=torch.Generator().manual_seed(1000 + seed))


def correlation(a: Tensor, b: Tensor) -> float:
    """Pearson's correlation of two tensors of one size."""
    return float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1])


def shipped() -> list[str]:
    """Names of this package's own substrates; other tests register more."""
    return [name for name in registry.names() if registry.find(name).__module__.startswith("pib_rl.")]
