"""The scattering medium: a modulator, a transmission matrix, a camera."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor, nn

from pib_rl.common.streams import FABRICATION, FAULT, READ, Streams
from pib_rl.physical.converters import FragileConverter
from pib_rl.physical.optical.blocks import BenchBlocks
from pib_rl.physical.optical.camera import Camera, MeasuredCamera
from pib_rl.physical.optical.config import OpticalConfig
from pib_rl.physical.optical.costs import frame_time, of_samples, picture_costs
from pib_rl.physical.optical.own_bench import MissingBenchError
from pib_rl.physical.optical.slm import make_modulator
from pib_rl.physical.part import Costs, Faults, Size
from pib_rl.physical.standardised import AT_ONCE, StandardisedMedium
from pib_rl.physical.substrate import Read

HOUR = 3600.0


class ScatteringMedium(StandardisedMedium):
    """Drive -> modulator -> transmission matrix T -> camera intensity, standardised per camera pixel.

    With e the field of the modulator's pixels and T complex Gaussian, E|T_ij|^2 = 1, so that E I = 1:
    I = mean over modes of |T_m e + sqrt(rho)|^2 / (1 + rho), T_m independent, rho the constant phasor.

    The camera counts I and digitises it. The picture is standardised with the mean and standard deviation that each
    camera pixel showed for calibration drives (normal, drawn at fabrication). What happens to the bench afterwards,
    time or faults, does not repeat that; an ideal read keeps it. What time and faults draw comes from the stream
    ``fault``.

    With ``blocks`` T is a part of a measured matrix. Where its file is missing the medium can be filled by a saved
    state, and does not measure before that.

    Source: Popoff et al., Phys. Rev. Lett. 104, 100601 (2010) for the transmission matrix; Goodman, Speckle Phenomena
    in Optics (2007), for the laws of speckle: contrast 1/sqrt(modes), and sqrt(1 + 2 rho)/(1 + rho) of one mode.
    """

    shows: ClassVar[str] = "camera"
    shown_unit: ClassVar[str] = "mean intensity"

    def __init__(
        self,
        in_features: int,
        out_features: int,
        config: OpticalConfig,
        streams: Streams,
        blocks: BenchBlocks | None = None,
    ) -> None:
        super().__init__(in_features, out_features, streams)
        self._config, self._missing = config, ""
        self.modulator = make_modulator(in_features, config)
        self.copies, self.signal_pixels = self.modulator.copies, self.modulator.signal_pixels
        rows, columns = config.modes * out_features, self.modulator.pixels
        dark = None
        if blocks is None:
            transmission = streams.normal(FABRICATION, streams.zeros(2, rows, columns)) / 2**0.5
        else:
            transmission, dark, self._missing = blocks.take(rows, columns, config.modes)
        self.transmission = nn.Buffer(transmission)
        self.folded, self.background = map(nn.Buffer, self._fold())
        self.power = nn.Buffer(streams.zeros(1, 1).add_(1))
        parts = out_features, config, streams
        self.camera = Camera(*parts) if dark is None else MeasuredCamera(*parts, dark)
        if not self._missing:
            self._calibrate()

    def _fold(self) -> tuple[Tensor, Tensor]:
        """T as the modulator multiplies with it, and the constant field; modes side by side, scaled to E I = 1."""
        folded, background = self.modulator.fold(self.transmission)
        rho, modes = self._config.constant_phasor, self._config.modes
        if rho:
            background[..., : modes * self.out_features] += rho**0.5
        if rho or modes > 1:
            scale = ((1 + rho) * modes) ** -0.5
            folded, background = folded * scale, background * scale
        return folded, background

    @property
    def converter(self) -> FragileConverter:
        return self.camera.adc

    def _calibrate(self) -> None:
        drives = self._drives(FABRICATION)
        if self._config.dead_pixels:
            self.camera.kill(self._config.dead_pixels, FABRICATION)
        self._standardise(drives, lambda part: self.camera.record(self.intensity(part), Read.MEAN))
        if self._config.camera_shift_pixels:
            self.camera.move(self._config.camera_shift_pixels)

    def intensity(self, drive: Tensor, exact: bool = False) -> Tensor:
        """Noise-free light on the camera, shape (..., n, out_features), in mean intensities, at the first power.

        Args:
            drive: Drives, shape (..., n, in_features), in drive standard deviations.
            exact: Without rounding to the phase levels of the modulator.
        """
        each = self.modulator.intensity(drive, self.folded, self.background, exact)
        first, *others = torch.split(each, self.out_features, -1)
        return sum(others, first)

    @property
    def ready(self) -> bool:
        return not self._missing

    def restore(self) -> None:
        super().restore()
        if self._missing and self.transmission.any():  # a saved policy brought it along
            self._missing = ""

    def measure(self, drive: Tensor, read: Read = Read.NOISY) -> Tensor:
        if self._missing:
            raise MissingBenchError(
                f"the measured bench of this hardware can't be made: {self._missing}; put the file back, or name your "
                "bench.yaml as --hw optical:FILE (saved policies play without it)"
            )
        power = self._shots(drive, read)
        rows = max(1, AT_ONCE // (self.out_features * math.prod(drive.shape[:-2])))
        samples = drive.shape[-2]
        if samples <= rows or drive.device.type != "cpu":
            return self._picture(drive, power, read)
        pictures = drive.new_empty(*drive.shape[:-1], self.out_features)
        for start in range(0, samples, rows):
            part = (..., slice(start, start + rows), slice(None))
            pictures[part] = self._picture(drive[part], power if power is None else power[part], read)
        return pictures

    def _shots(self, drive: Tensor, read: Read) -> Tensor | None:
        """The laser's power in each exposure, shape (..., n, 1), relative to calibration; None if never another."""
        config = self._config
        if not config.laser_drift and not config.laser_noise:
            return None
        power = self.power.expand(*drive.shape[:-1], 1)
        if read is Read.NOISY and config.laser_noise:
            power = power * (1 + config.laser_noise * self._streams.normal(READ, power)).clamp_(min=0)
        return power

    def _picture(self, drive: Tensor, power: Tensor | None, read: Read) -> Tensor:
        intensity = self.intensity(drive, read is Read.IDEAL)
        if power is not None:
            intensity = intensity.mul_(power)
        return self.standard(self.camera.record(intensity, read))

    @property
    def latency(self) -> float:
        return frame_time(self._config)

    def costs(self, inputs: Tensor, outputs: Tensor) -> Costs:
        return of_samples(picture_costs(self._config, self.out_features), inputs.shape[-2])

    def age(self, seconds: Size) -> None:
        """After t seconds T <- r T + sqrt(1 - r^2) T', r = exp(-t/decorrelation_time_s); the laser drifts."""
        time = torch.as_tensor(seconds, dtype=torch.float64, device="cpu")
        if not (time >= 0).all():
            raise ValueError(f"time passes by seconds >= 0, got {seconds}")
        config, passed = self._config, bool((time > 0).any())
        if config.decorrelation_time_s is not None and passed:
            self._renew((-time / config.decorrelation_time_s).exp())
        if config.laser_drift and passed:
            draw = self._streams.normal(FAULT, torch.zeros(self.power.shape, dtype=torch.float32))
            step = self._streams.spread(config.laser_drift * (time / HOUR).sqrt(), draw) * draw
            self.power.mul_(step.exp().to(self.power))

    def _renew(self, kept: Tensor) -> None:
        """T <- kept T + sqrt(1 - kept^2) T' with a fresh T' of the same law; kept is of shape (*chips), or a scalar."""
        fresh = self._streams.normal(FAULT, torch.zeros(self.transmission.shape, dtype=torch.float32)).to(
            self.transmission
        )
        rest = ((1 - kept.square()).clamp(min=0) / 2).sqrt()
        old, new = (self._streams.spread(part.to(fresh), fresh) for part in (kept, rest))
        self.transmission.mul_(old).add_(fresh * new)
        for old, new in zip((self.folded, self.background), self._fold(), strict=True):
            old.copy_(new)

    def rotate(self, degrees: Size) -> None:
        """Turns the medium by 0..90 degrees: T <- cos(a) T + sin(a) T'; at 90 degrees it is another one."""
        angle = torch.as_tensor(degrees, dtype=torch.float64, device="cpu")
        if not ((angle >= 0) & (angle <= 90)).all():
            raise ValueError(f"a medium is rotated by 0..90 degrees, got {degrees}")
        if (angle > 0).any():
            self._renew(angle.deg2rad().cos())

    def faults(self) -> Faults:
        return {
            "rotate-medium": self.rotate,
            "dead-pixels": lambda fraction: self.camera.kill(fraction, FAULT),
            "adc-bits": self.camera.adc.limit,
            "drift": self.age,
            "shift-camera": self.camera.move,
        }


class DetailedMedium(ScatteringMedium):
    """A scattering medium that phases of one coherent pattern do not describe: other modulators, cross-talk, modes.

    A separate class because the digital twin of `ScatteringMedium` would be wrong of it.
    """
