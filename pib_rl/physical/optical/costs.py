"""Time and energy of the optical bench."""

from __future__ import annotations

from collections.abc import Mapping

from pib_rl.physical.optical.config import OpticalConfig
from pib_rl.physical.part import Costs

PLANCK, LIGHT_SPEED = 6.62607015e-34, 299792458.0  # J s, m/s: exact, SI
CONVERSION = 30e-15  # joules per code of an ADC, times 2^bits: median of 7.5-9 effective bits in B. Murmann's ADC
# performance survey, revision 20250609 (31 fJ per step; Nyquist, 2015 and later)


def frame_time(config: OpticalConfig) -> float:
    """Seconds of one picture: 1/modulator rate + settling + 1/camera rate (exposure and readout), in a row."""
    return 1 / config.modulator_rate_hz + config.settle_time_s + 1 / config.camera_rate_hz


def picture_costs(config: OpticalConfig, pixels: int) -> dict[str, float]:
    """Joules of one sample through a medium, by part.

    light: laser_power_w frame time; or, counting photons, pixels photons h c / (wavelength light_efficiency), at the
    mean intensity. modulator: modulator_power_w frame time. camera: camera_power_w / camera_rate_hz, of which the part
    of the ADC, pixels 30 fJ 2^bits, goes to converters.
    """
    photon = PLANCK * LIGHT_SPEED / (config.wavelength_nm * 1e-9)
    light = None if config.photons is None else pixels * config.photons * photon / config.light_efficiency
    return _bench_costs(config, 1, pixels, light)


def product_costs(config: OpticalConfig, outputs: int) -> dict[str, float]:
    """Joules of one sample through an optical multiplier, by part.

    Two modulators (inputs and weights) for one frame time, and a camera that reads two balanced detectors per output.
    A laser is counted where its power is known; photons are not modelled there.
    """
    return _bench_costs(config, 2, 2 * outputs, None)


def refresh_cost(config: OpticalConfig) -> float:
    """Joules of writing new weights to the modulators: one picture taken up and settled."""
    return config.modulator_power_w * (1 / config.modulator_rate_hz + config.settle_time_s)


def of_samples(joules: Mapping[str, float], samples: int) -> Costs:
    """Joules of a batch, from those of one sample."""
    return {part: one * samples for part, one in joules.items()}


def _bench_costs(config: OpticalConfig, modulators: int, pixels: int, light: float | None) -> dict[str, float]:
    """Joules of one frame by part, ``light`` where the laser's power is unknown; conversions are not the camera's."""
    time = frame_time(config)
    costs = {"modulator": modulators * config.modulator_power_w * time}
    if config.laser_power_w is not None:
        light = config.laser_power_w * time
    if light is not None:
        costs["light"] = light
    whole, bits = config.camera_power_w / config.camera_rate_hz, config.camera_bits
    converters = 0.0 if bits is None else pixels * (CONVERSION * 2**bits)
    return costs | {"camera": max(0.0, whole - converters), "converters": converters}
