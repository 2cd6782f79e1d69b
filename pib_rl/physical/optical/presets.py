"""Optical benches by name. A number without a source is marked as assumed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Andor Zyla 4.2 PLUS, manual v2.0 (2021), tables 4, 5 and 7: full well 30,000 electrons, read noise 1.1 electrons at
# 540 MHz, 16 bits (two 11-bit converters), 100 frames/s. Quantum efficiency 0.82: quoted in secondary sources.
# Photons are chosen so that the full well is 4 mean intensities: 30,000 / (4 0.82). Power assumed.
_SCIENTIFIC_CAMERA = {
    "camera_bits": 16,
    "full_well_electrons": 30_000.0,
    "read_noise_electrons": 1.1,
    "quantum_efficiency": 0.82,
    "photons": 9146.0,
    "full_scale": 4.0,
    "camera_rate_hz": 100.0,
    "camera_power_w": 10.0,
}

# Basler acA640-750um (docs.baslerweb.com/aca640-750uc, same camera in colour): 751 frames/s, 3.0 W. Assumed for its
# sensor: 8 bits, full well 8,000 electrons, read noise 10 electrons, quantum efficiency 0.5; photons as above.
_FAST_CAMERA = {
    "camera_bits": 8,
    "full_well_electrons": 8000.0,
    "read_noise_electrons": 10.0,
    "quantum_efficiency": 0.5,
    "photons": 4000.0,
    "full_scale": 4.0,
    "camera_rate_hz": 751.0,
    "camera_power_w": 3.0,
}

# mvBlueFOX3 with Sony IMX249, data sheet: 12 bits, 41 frames/s; from its signal-to-noise ratio of 45.1 dB a full well
# of 32,000 electrons, from its dynamic range of 73 dB a read noise of 7 electrons. Assumed: quantum efficiency 0.7
# (that of Basler's acA4112-30 at 545 nm, docs.baslerweb.com), dim light of 50 photons, power, 0.1 % of pixels dead.
_DIM_CAMERA = {
    "camera_bits": 12,
    "full_well_electrons": 32_000.0,
    "read_noise_electrons": 7.0,
    "quantum_efficiency": 0.7,
    "photons": 50.0,
    "full_scale": 4.0,
    "camera_rate_hz": 41.0,
    "camera_power_w": 3.0,
    "dead_pixels": 1e-3,
}

# Nematic liquid crystal on silicon. 8 bits: Hamamatsu LCOS and Holoeye PLUTO-2.1, as their drivers in slmsuite take
# them. 60 Hz: Santec SLM-200, programmer's guide v2.5 (2022). Settling of small phase steps 1/130 s: Oton et al.,
# "Dynamic calibration for improving the speed of a parallel-aligned liquid-crystal-on-silicon display" (OSA 2009).
# Cross-talk: Schroff et al., Sci. Rep. 13:3252 (2023). Assumed: 5 % unmodulated light, power.
_LC_SLM = {
    "modulator": "slm",
    "phase_bits": 8,
    "crosstalk": 1.0,
    "unmodulated": 0.05,
    "modulator_rate_hz": 60.0,
    "settle_time_s": 1 / 130,
    "modulator_power_w": 10.0,
}

# Texas Instruments DLP7000: 43 us per binary picture with a global reset, which holds loading (30.72 us) and settling
# of the mirrors (staff of TI, e2e.ti.com, thread 594673). Assumed: 512 mirrors or groups of them, power.
_DMD = {
    "modulator": "dmd",
    "slm_pixels": 512,
    "modulator_rate_hz": 1 / 43e-6,
    "settle_time_s": 0.0,
    "modulator_power_w": 10.0,
}

# Ferroelectric liquid crystal: switches within 100 us (D. Vass and I. Underwood, University of Edinburgh, in Laser
# Focus World, 1 December 1997); "few kHz" (Moreno et al., JEOS-RP 2021), taken as 3 kHz. Assumed: 512 pixels, power.
_FERROELECTRIC = {
    "modulator": "ferroelectric",
    "slm_pixels": 512,
    "modulator_rate_hz": 3000.0,
    "settle_time_s": 100e-6,
    "modulator_power_w": 10.0,
}

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "lc-slm": {**_LC_SLM, **_SCIENTIFIC_CAMERA},
    "dmd": {**_DMD, **_FAST_CAMERA},
    "ferroelectric": {**_FERROELECTRIC, **_FAST_CAMERA},
    "noisy-camera": {**_DIM_CAMERA, "laser_noise": 0.01},  # assumed: 1 % from shot to shot
}
