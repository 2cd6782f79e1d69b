"""Parameters of the mzi substrate."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pib_rl.common.options import check_numbers

HALF = math.pi / 2  # end of the range of a phase, in radians


@dataclass(frozen=True)
class MZIConfig:
    """Parameters of the mesh and of the weight bank. Where no source stands, the number is assumed.

    Args:
        ports: Smallest number of waveguides of a mesh, each with a detector; raised where drives or outputs need more.
        reference: Fraction of the light that goes unmodulated into a port of its own. Detectors see no phase that all
            light shares, and no sign of a single drive; with a reference they do.
        drive_phase_rad: Phase of a modulator per drive, in radians per drive standard deviation.
        splitter_error_rad: Standard deviation of the angle of each splitter, relative to pi/4 at 50:50, in radians.
        phase_error_rad: Standard deviation of each phase as fabricated, in radians.
        insertion_loss_db: Loss of one interferometer in dB (0.1-0.5 are usual).
        detector_noise: Standard deviation of a detector's noise without loss, relative to the mean intensity behind a
            mesh at full drive; behind a row of weights, to w_max sqrt(in_features), which inputs of size 1 at largest
            weights and random signs add up to. Receivers make up for loss, and amplify this noise with the light.
        dac_bits: Resolution of the phases; None is exact.
        adc_bits: Resolution of the detectors; None is exact.
        full_scale: Intensity at which a detector of the mesh saturates, in mean intensities at full drive.
        weight_bound: Largest |weight|, in 1/sqrt(in_features).
        readout_bound: The same for the readout, whose weights start at 0 and must span logits and values.
        crosstalk: Phase that a heater gets of its neighbour's in the same row, relative to that (0.12, and 0.025 with
            a trench between them, in silicon nitride: arXiv 2203.16956).
        slope_floor: Floor of the slope by which a wanted change of weight is divided, relative to the slope at 0.
        array_range: The converter of a hidden array covers -array_range..array_range, in units of z.
        readout_range: The same for the readout.
        heater_power_w: Watts for a phase of pi (0.06 W: arXiv 2203.16956; 0.02 W in silicon).
        settle_time_s: Seconds until a phase has settled. A heater of 9.2 kHz (arXiv 2203.16956) takes
            ln(256)/(2 pi 9.2 kHz) = 96 us to 8 bits.
        laser_power_w: Electrical watts of the laser while one mesh or one array is measured.
        adc_energy_j: Joules of one conversion (1.67 pJ: 8 bits, 1.28 GS/s, 32 nm, of ISAAC, Shafiee et al., ISCA 2016).
        dac_energy_j: Joules of one phase set (0.291 pJ: 8 bits, 0.32 mW at 1.1 GHz, doi 10.1109/VLSIC.2018.8502370).

    Raises:
        ValueError: If a value lies outside its range.
    """

    ports: int = 64
    reference: float = 0.2
    drive_phase_rad: float = 0.6
    splitter_error_rad: float = 0.02
    phase_error_rad: float = 0.01
    insertion_loss_db: float = 0.1
    detector_noise: float = 0.002
    dac_bits: int | None = 8
    adc_bits: int | None = 8
    full_scale: float = 4.0
    weight_bound: float = 4.0
    readout_bound: float = 16.0
    crosstalk: float = 0.025
    slope_floor: float = 0.1
    array_range: float = 4.0
    readout_range: float = 16.0
    heater_power_w: float = 0.06
    settle_time_s: float = 1e-4
    laser_power_w: float = 0.01
    adc_energy_j: float = 1.67e-12
    dac_energy_j: float = 0.291e-12

    def __post_init__(self) -> None:
        check_numbers(
            self,
            "mzi",
            positive="ports drive_phase_rad full_scale weight_bound readout_bound array_range readout_range",
            not_negative="splitter_error_rad phase_error_rad insertion_loss_db detector_noise heater_power_w "
            "settle_time_s laser_power_w adc_energy_j dac_energy_j",
            below_one="reference",
            bits="dac_bits adc_bits",
        )
        if not 0 <= self.crosstalk < 0.5:
            raise ValueError(f"mzi crosstalk must be in 0..0.5 (0.5 excluded), got {self.crosstalk}")
        if not 0 < self.slope_floor <= 1:
            raise ValueError(f"mzi slope_floor must be in 0..1 (0 excluded), got {self.slope_floor}")
