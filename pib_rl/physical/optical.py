"""The optical substrate: a spatial light modulator, a scattering medium and a camera."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pib_rl.physical.converters import Converter, check_bits
from pib_rl.physical.digital import DigitalArray
from pib_rl.physical.modulator import ModulatorArray
from pib_rl.physical.streams import FABRICATION, READ, Streams
from pib_rl.physical.substrate import Array, Medium, Read, Substrate

NORMAL_PHOTONS = 100.0  # from here the normal law stands in for Poisson's (skewness 1/sqrt(N) <= 0.1 at I = 1)
MIN_CONTRAST = 0.01  # floor of a pixel's standard deviation, in mean intensities: a dark pixel is not amplified
AT_ONCE = 2**19  # camera pixels of all samples that a CPU simulates together: more leave its cache, 2.5 times slower
READOUT_SPAN = 4.0  # the readout's weights start at 0 and must span logits and values


@dataclass(frozen=True)
class OpticalConfig:
    """Parameters of the optical bench.

    Args:
        slm_pixels: Smallest number of SLM (super-)pixels; raised where the drives need more.
        camera_pixels: Smallest number of camera pixels (after binning) of a medium; raised to the wanted outputs.
        pixels_per_drive: Lowers that smallest number where a medium has few drives, to so many pixels per drive; None
            does not. A square of an image with 25 pixels has little that a larger camera could show.
        reference: Share of SLM pixels that stay unmodulated. The camera sees no global phase, |T e|^2 of a common
            phase is constant, so a fixed reference is needed to read phases.
        phase_range: Phase of a pixel = phase_range tanh(phase_gain drive), in radians.
        phase_gain: Phase per drive, per drive standard deviation.
        photons: Photons per camera pixel at unit mean intensity and one exposure (shot noise).
        camera_bits: Resolution of the camera's ADC; None is exact.
        full_scale: Intensity at which the camera saturates, in mean intensities. A fully developed speckle exceeds
            4 means with probability exp(-4) = 1.8 % (Goodman, Speckle Phenomena in Optics, 2007, section 3.2.1).
        array: "digital" (weights applied to the digitised picture) or "modulator" (optical matrix-vector multiplier).
        modulator_bits: Resolution of the modulators of the multiplier; None is exact.
        modulator_bound: Largest |weight| of the multiplier, in 1/sqrt(in_features); 4 times this for the readout.
        detector_noise: Noise of the balanced detectors of the multiplier, relative to |h|/sqrt(in_features).

    Raises:
        ValueError: If a value lies outside its range.
    """

    slm_pixels: int = 64
    camera_pixels: int = 256
    pixels_per_drive: float | None = None
    reference: float = 0.2
    phase_range: float = math.pi
    phase_gain: float = 0.1
    photons: float | None = 1000.0
    camera_bits: int | None = 8
    full_scale: float = 4.0
    array: str = "digital"
    modulator_bits: int | None = 8
    modulator_bound: float = 4.0
    detector_noise: float = 0.01

    def __post_init__(self) -> None:
        for name in ("slm_pixels", "camera_pixels", "phase_range", "phase_gain", "full_scale", "modulator_bound"):
            if not getattr(self, name) > 0:
                raise ValueError(f"optical {name} must be > 0, got {getattr(self, name)}")
        if self.pixels_per_drive is not None and not self.pixels_per_drive > 0:
            raise ValueError(f"optical pixels_per_drive must be > 0, or none for no limit, got {self.pixels_per_drive}")
        for name in ("camera_bits", "modulator_bits"):
            check_bits(f"optical {name}", getattr(self, name))
        if not self.detector_noise >= 0:
            raise ValueError(f"optical detector_noise must be >= 0, got {self.detector_noise}")
        if not 0 <= self.reference < 1:
            raise ValueError(f"optical reference is a share of pixels and must be in 0..1 (1 excluded), "
                             f"got {self.reference}")
        if self.photons is not None and self.photons <= 0:
            raise ValueError(f"optical photons must be > 0, or none for no shot noise, got {self.photons}")
        if self.array not in ("digital", "modulator"):
            raise ValueError(f"optical array must be digital or modulator, got {self.array!r}")


class ScatteringMedium(Medium):
    """Drive -> SLM phase -> transmission matrix T -> camera intensity, standardised per camera pixel.

    e_p = exp(i phi_p) / sqrt(P) with phi_p = range tanh(gain drive_d(p)) on signal pixels and 0 on reference pixels;
    I = |T e|^2 with T complex Gaussian, E|T_ij|^2 = 1, so that E I = 1; I is counted in photons (Poisson), then
    digitised. The picture is standardised with the mean and deviation that each camera pixel showed for
    calibration drives (normal, drawn at fabrication).

    Source: Popoff et al., Phys. Rev. Lett. 104, 100601 (2010) for the transmission matrix.
    """

    transmission: Tensor
    folded: Tensor
    background: Tensor
    mean: Tensor
    scale: Tensor

    def __init__(self, in_features: int, out_features: int, config: OpticalConfig, streams: Streams) -> None:
        super().__init__(in_features, out_features)
        self._config = config
        self._streams = streams
        self._adc = Converter(config.camera_bits, 0.0, config.full_scale)
        share = 1.0 - config.reference
        self.copies = max(1, math.ceil(config.slm_pixels * share / in_features))
        self.signal_pixels = self.copies * in_features
        pixels = max(self.signal_pixels, round(self.signal_pixels / share))
        matrix = streams.normal(FABRICATION, torch.zeros(2, out_features, pixels)) / 2**0.5
        self.register_buffer("transmission", matrix)
        self.register_buffer("folded", torch.zeros(2 * in_features, 2 * out_features))
        self.register_buffer("background", torch.zeros(2 * out_features))
        self.register_buffer("mean", torch.zeros(out_features))
        self.register_buffer("scale", torch.ones(out_features))
        self._fold()
        self._calibrate()

    def _fold(self) -> None:
        """Sums T over the pixels that carry one phase: [cos, sin] -> [Re, Im] of T e as one real product."""
        matrix = self.transmission / self.transmission.shape[-1] ** 0.5
        signal = matrix[:, :, : self.signal_pixels].unflatten(-1, (self.in_features, self.copies)).sum(-1)
        real, imaginary = signal[0].T, signal[1].T
        self.folded.copy_(torch.cat([torch.cat([real, imaginary], 1), torch.cat([-imaginary, real], 1)], 0))
        self.background.copy_(matrix[:, :, self.signal_pixels :].sum(-1).reshape(-1))

    def _calibrate(self) -> None:
        drives = self._streams.normal(FABRICATION, torch.zeros(1024, self.in_features))
        picture = self._adc(self.intensity(drives))
        self.mean.copy_(picture.mean(0))
        self.scale.copy_(picture.std(0).clamp_(min=MIN_CONTRAST))

    def intensity(self, drive: Tensor) -> Tensor:
        """Noise-free camera intensity.

        Args:
            drive: Drives, shape (n, in_features), in drive standard deviations.

        Returns:
            Shape (n, out_features), in units of the mean speckle intensity.
        """
        phase = (drive * self._config.phase_gain).tanh_().mul_(self._config.phase_range)
        waves = torch.cat([phase.cos(), phase.sin()], 1)
        field = torch.addmm(self.background, waves, self.folded).square_()
        return field[:, : self.out_features] + field[:, self.out_features :]

    def _expose(self, intensity: Tensor) -> Tensor:
        """Adds shot noise: Poisson counts, or their normal approximation from 100 photons per unit intensity."""
        photons = self._config.photons
        if photons is None:
            return intensity
        if photons < NORMAL_PHOTONS:
            generator = self._streams.generator(READ, intensity.device)
            return torch.poisson(intensity * photons, generator=generator) / photons
        noise = self._streams.normal(READ, intensity)
        return intensity.addcmul(intensity.sqrt(), noise, value=photons**-0.5)

    def measure(self, drive: Tensor, read: Read = Read.NOISY) -> Tensor:
        rows = max(1, AT_ONCE // self.out_features)
        if len(drive) <= rows or drive.device.type != "cpu":
            return self._look(drive, read)
        pictures = drive.new_empty(len(drive), self.out_features)
        for part, picture in zip(torch.split(drive, rows), torch.split(pictures, rows), strict=True):
            picture.copy_(self._look(part, read))
        return pictures

    def _look(self, drive: Tensor, read: Read) -> Tensor:
        intensity = self.intensity(drive)
        if read is Read.NOISY:
            intensity = self._expose(intensity)
        if read is not Read.IDEAL:
            intensity = self._adc(intensity)
        return intensity.sub_(self.mean).div_(self.scale)


class Optical(Substrate):
    """Light through a scattering medium, with digital or optical weights."""

    name = "optical"
    Config = OpticalConfig

    def make_medium(self, in_features: int, out_features: int) -> Medium:
        pixels = self.config.camera_pixels
        if self.config.pixels_per_drive is not None:
            pixels = min(pixels, math.ceil(self.config.pixels_per_drive * in_features))
        return ScatteringMedium(in_features, max(out_features, pixels), self.config, self.streams)

    def make_array(self, in_features: int, out_features: int, *, readout: bool = False) -> Array:
        if self.config.array == "digital":
            return DigitalArray(in_features, out_features, self.meter, self.streams, readout)
        bound = self.config.modulator_bound * (READOUT_SPAN if readout else 1)
        return ModulatorArray(in_features, out_features, self.meter, self.streams, readout=readout, bound=bound,
                              bits=self.config.modulator_bits, noise=self.config.detector_noise)
