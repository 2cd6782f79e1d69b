"""Parameters of the optical bench."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pib_rl.common.options import check_numbers
from pib_rl.physical.optical.own_bench import OwnBench

MODULATORS = ("slm", "dmd", "ferroelectric")
ARRAYS = ("digital", "multiplier")
BLACK_LEVEL = 4.0  # standard deviations of the read noise that the ADC resolves below 0; assumed, cameras are set so


@dataclass(frozen=True)
class OpticalConfig:
    """Parameters of the optical bench. Those of time and energy change no picture.

    Args:
        slm_pixels: Smallest number of SLM (super-)pixels, or of mirrors; raised where the drives need more.
        camera_pixels: Smallest number of camera pixels (after binning) of a medium; raised to the wanted outputs.
        pixels_per_drive: Lowers that smallest number where a medium has few drives, to so many pixels per drive; None
            does not. A square of an image with 25 pixels has little that a larger camera could show.
        pointwise: Behind units that look at squares of an image, show the outputs of one square after the other, each
            to an exposure of its own, and not those of all squares at once: the readout can then tell what lies side by
            side. An exposure of 16 outputs needs few pixels: see ``pixels_per_drive``.
        reference: Fraction of SLM pixels that stay unmodulated. The camera sees no global phase, |T e|^2 of a common
            phase is constant, so a fixed reference is needed to read phases.
        phase_range_rad: Phase of a pixel = phase_range_rad tanh(phase_gain drive), in radians.
        phase_gain: Phase per drive, per drive standard deviation.
        modulator: What modulates the light: "slm" (phases of a nematic liquid crystal), "dmd" (micromirrors, on or
            off) or "ferroelectric" (liquid crystal of phase 0 or pi). See `pib_rl.physical.optical.slm`.
        mirror_gain: Fraction of the mirrors of a drive that are on = (1 + tanh(mirror_gain drive))/2; the same for the
            pixels of a ferroelectric modulator.
        phase_bits: An SLM shows phases that are multiples of 2 pi / 2^phase_bits; None is exact. Typical 8-10.
        unmodulated: Fraction of the amplitude that a pixel reflects whatever it shows (gaps, front face: zero order).
        crosstalk: Width of the blur between neighbouring SLM pixels, relative to that which Schroff et al., Sci. Rep.
            13:3252 (2023), measured; 1 is theirs, 0 none. See `pib_rl.physical.optical.slm`.
        modes: Incoherent patterns (polarisations, wavelengths) that a camera pixel sums: contrast 1/sqrt(modes).
        constant_phasor: Intensity of light that comes without scattering, relative to the mean of what scatters.
        decorrelation_time_s: The fields of the medium keep exp(-t/decorrelation_time_s) of their correlation after t
            seconds, intensities its square; None is for ever. Living skin: 0.05-2.5 s (Jang et al., Biomed. Opt.
            Express 6:72, 2015).
        laser_noise: Standard deviation of the laser's power from shot to shot, relative to its mean.
        laser_drift: Standard deviation of the laser's power after one hour, relative; grows with the root of time.
        camera_shift_pixels: Camera pixels by which the camera moved sideways after calibration; one pixel sees one
            grain.
        dead_pixels: Fraction of camera pixels that were dead when the camera was calibrated.
        photons: Photons per camera pixel at unit mean intensity and one exposure (shot noise).
        quantum_efficiency: Electrons per photon, 0..1 (0 excluded).
        full_well_electrons: Electrons that fill a camera pixel; None is no limit.
        read_noise_electrons: Standard deviation of the noise of reading a pixel, in electrons.
        camera_bits: Resolution of the camera's ADC; None is exact.
        full_scale: Intensity at which the camera saturates, in mean intensities. A fully developed speckle exceeds
            4 means with probability exp(-4) = 1.8 % (Goodman, Speckle Phenomena in Optics, 2007, section 3.2.1).
        electrons_per_adu: Electrons per code of the camera's ADC, which then ends at its 2^camera_bits codes and not at
            full_scale; None is full_scale.
        array: "digital" (weights applied to the digitised picture) or "multiplier" (optical matrix-vector multiplier).
        multiplier_bits: Resolution of the modulators of the multiplier; None is exact.
        multiplier_bound: Largest |weight| of the multiplier, in 1/sqrt(in_features); 4 times this for the readout.
        detector_noise: Noise of the balanced detectors of the multiplier, relative to |h|/sqrt(in_features).
        modulator_rate_hz: Pictures per second that the modulator takes. 60: Santec SLM-200, programmer's guide v2.5
            (2022).
        settle_time_s: Time from the picture until the light follows. 1/130 s: small phase steps, Oton et al.,
            "Dynamic calibration for improving the speed of a parallel-aligned liquid-crystal-on-silicon display"
            (OSA 2009), abstract.
        camera_rate_hz: Frames per second, exposure included. 100: Andor Zyla 4.2 PLUS, manual v2.0 (2021).
        wavelength_nm: Wavelength of the laser; assumed (helium-neon).
        light_efficiency: Joules of light on the camera's pixels per joule that the laser takes from the plug; assumed:
            laser 0.1, modulator and medium 0.01 together.
        laser_power_w: Power that the laser takes from the plug, watts; None counts photons instead.
        modulator_power_w: Power of the modulator and its driver, watts; assumed.
        camera_power_w: Power of the camera, watts, ADC included; assumed.
        bench: What was measured of a bench, as `pib_rl.physical.optical.bench_file.read_bench` gives it; None is the
            law of Gaussian matrices.

    Raises:
        ValueError: If a value lies outside its range, or an option needs another one.
    """

    slm_pixels: int = 64
    camera_pixels: int = 256
    pixels_per_drive: float | None = None
    pointwise: bool = False
    reference: float = 0.2
    phase_range_rad: float = math.pi
    phase_gain: float = 0.1
    modulator: str = "slm"
    mirror_gain: float = 0.5
    phase_bits: int | None = None
    unmodulated: float = 0.0
    crosstalk: float = 0.0
    modes: int = 1
    constant_phasor: float = 0.0
    decorrelation_time_s: float | None = None
    laser_noise: float = 0.0
    laser_drift: float = 0.0
    camera_shift_pixels: float = 0.0
    dead_pixels: float = 0.0
    photons: float | None = 1000.0
    quantum_efficiency: float = 1.0
    full_well_electrons: float | None = None
    read_noise_electrons: float = 0.0
    camera_bits: int | None = 8
    full_scale: float = 4.0
    electrons_per_adu: float | None = None
    array: str = "digital"
    multiplier_bits: int | None = 8
    multiplier_bound: float = 4.0
    detector_noise: float = 0.01
    modulator_rate_hz: float = 60.0
    settle_time_s: float = 1 / 130
    camera_rate_hz: float = 100.0
    wavelength_nm: float = 633.0
    light_efficiency: float = 1e-3
    laser_power_w: float | None = None
    modulator_power_w: float = 10.0
    camera_power_w: float = 10.0
    bench: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        check_numbers(
            self,
            "optical",
            positive="slm_pixels camera_pixels phase_range_rad phase_gain mirror_gain full_scale multiplier_bound "
            "modes wavelength_nm light_efficiency modulator_rate_hz camera_rate_hz quantum_efficiency",
            not_negative="detector_noise crosstalk constant_phasor laser_noise laser_drift camera_shift_pixels "
            "read_noise_electrons settle_time_s modulator_power_w camera_power_w",
            positive_or_none="pixels_per_drive photons full_well_electrons decorrelation_time_s laser_power_w "
            "electrons_per_adu",
            fraction="quantum_efficiency light_efficiency",
            below_one="reference unmodulated dead_pixels",
            bits="camera_bits multiplier_bits phase_bits",
        )
        for name, known in (("array", ARRAYS), ("modulator", MODULATORS)):
            if getattr(self, name) not in known:
                raise ValueError(f"optical {name} must be {' or '.join(known)}, got {getattr(self, name)!r}")
        self._check_together()

    def _check_together(self) -> None:
        """Raises ValueError where one option makes no sense with another."""
        for name in ("phase_bits", "crosstalk"):
            if self.modulator != "slm" and getattr(self, name):
                value = getattr(self, name)
                raise ValueError(f"optical {name} is of slm alone, got {value} with modulator {self.modulator}")
        for name in ("full_well_electrons", "read_noise_electrons", "electrons_per_adu"):
            if self.photons is None and getattr(self, name):
                raise ValueError(
                    f"optical {name} is in electrons and needs photons, got {getattr(self, name)} with photons none"
                )
        if self.electrons_per_adu is not None and self.camera_bits is None:
            raise ValueError("optical electrons_per_adu is of an ADC and needs camera_bits, got camera_bits none")
        self._check_bench()

    def _check_bench(self) -> None:
        """Raises ValueError if the bench is none, or other options leave a part of it without effect."""
        own = self.own
        if own is None:
            return
        if own.dark is not None and self.electrons_per_adu is None:
            raise ValueError(
                "optical dark frames are in ADC codes and need the gain of the camera; add camera: "
                "{gain_electrons_per_adu: NUMBER}"
            )
        if own.response is not None and (self.modulator != "slm" or self.phase_bits is not None):
            raise ValueError(
                "optical slm gives the phase of each grey level of a modulator slm, got it with modulator "
                f"{self.modulator} and phase_bits {self.phase_bits}; leave these out"
            )

    @property
    def electrons(self) -> float | None:
        """Electrons per camera pixel at unit mean intensity; None without shot noise."""
        return None if self.photons is None else self.photons * self.quantum_efficiency

    @cached_property
    def own(self) -> OwnBench | None:
        """The measured bench, or none."""
        return None if self.bench is None else OwnBench.from_plain(self.bench)

    @property
    def adc_range(self) -> tuple[float, float]:
        """Least and largest intensity of the camera's ADC, in mean intensities.

        Where dark frames were measured they hold the black level, otherwise it is `BLACK_LEVEL` read noises.
        """
        electrons = self.electrons
        if electrons is None:
            return 0.0, self.full_scale
        black = BLACK_LEVEL * self.read_noise_electrons / electrons
        low = 0.0 if self.own is not None and self.own.dark is not None else -black
        if self.electrons_per_adu is None or self.camera_bits is None:
            return low, self.full_scale
        return low, low + (2**self.camera_bits - 1) * self.electrons_per_adu / electrons

    @property
    def plain(self) -> bool:
        """Whether phases of a coherent SLM alone make the speckle: one pattern, no cross-talk, phases as asked."""
        answers = self.own is not None and self.own.response is not None
        return self.modulator == "slm" and not self.crosstalk and self.modes == 1 and not answers
