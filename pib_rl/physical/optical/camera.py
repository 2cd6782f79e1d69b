"""The camera: where it stands, exposure, full well, read noise, ADC, dead pixels."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor, nn

from pib_rl.common.state import FRACTION, NOT_NEGATIVE, Valid
from pib_rl.common.streams import READ, Streams
from pib_rl.physical.converters import FragileConverter
from pib_rl.physical.optical.blocks import DarkPixels
from pib_rl.physical.optical.config import OpticalConfig
from pib_rl.physical.part import Size, restore_after_loading
from pib_rl.physical.struck import struck
from pib_rl.physical.substrate import Read

NORMAL_PHOTONS = 100.0  # from here the normal law stands in for Poisson's (skewness 1/sqrt(N) <= 0.1 at I = 1)


class Camera(nn.Module):
    """Intensities to digitised pictures.

    With N electrons per pixel at unit intensity: electrons = Poisson(N I) + read noise, at most the full well; the ADC
    covers -4 read noises (a black level: darkness is not clipped) to full_scale, or its 2^bits codes. Dead pixels
    show 0. Electrons are counted as in EMVA 1288, without dark current and with one gain for all pixels.
    """

    VALID: ClassVar[Valid] = {"live": FRACTION}

    def __init__(self, pixels: int, config: OpticalConfig, streams: Streams) -> None:
        super().__init__()
        self._config = config
        self._streams = streams
        self.live = nn.Buffer(streams.zeros(1, pixels).add_(1))
        self.adc = FragileConverter(config.camera_bits, *config.adc_range)
        self.shift = nn.Buffer(torch.zeros((), dtype=torch.float32))
        restore_after_loading(self)
        self.restore()

    def restore(self) -> None:
        """Takes over what the buffers say: they may have been loaded."""
        self._shift = self.shift.item()
        self._whole = bool((self.live == 1).all())

    def kill(self, fraction: Size, stream: str) -> None:
        """Ends a fraction 0..1 of the pixels, each by itself."""
        hit = struck("dead-pixels", fraction, torch.zeros(self.live.shape, dtype=torch.float32), self._streams, stream)
        self.live.masked_fill_(hit.to(self.live.device), 0.0)
        self.restore()

    def move(self, pixels: float) -> None:
        """Moves the camera sideways by a finite number of pixels, fractions too; moves add up."""
        if not math.isfinite(pixels):
            raise ValueError(f"a camera moves by a finite number of pixels, got {pixels}")
        self.shift.add_(pixels)
        self.restore()

    def record(self, intensity: Tensor, read: Read) -> Tensor:
        """The picture of light of some ``intensity``, which may be overwritten.

        Both have shape (..., n, pixels) and count in mean speckle intensities. An ideal read keeps where the camera
        stands and which pixels are dead.
        """
        if self._shift:
            intensity = self._moved(intensity)
        if read is Read.NOISY:
            intensity = self._expose(intensity)
        if read is not Read.IDEAL:
            full, electrons = self._config.full_well_electrons, self._config.electrons
            if full is not None and electrons is not None:
                intensity = intensity.clamp(max=full / electrons)
            intensity = self.adc(self._above_dark(intensity))
        return intensity if self._whole else intensity.mul_(self.live)

    def _moved(self, intensity: Tensor) -> Tensor:
        """What a pixel sees that stands on parts of two grains; grains that leave the frame come in on its other side.

        New grains would have the same law: each pixel sees light that it was not calibrated with.
        """
        whole = math.floor(self._shift)
        part = self._shift - whole
        near = intensity.roll(-(whole % intensity.shape[-1]), -1) if whole else intensity
        return near.lerp(near.roll(-1, -1), part) if part else near

    @property
    def _read_noise(self) -> float | Tensor:
        """Electrons, or those of each pixel, shape (*chips, 1, pixels)."""
        return self._config.read_noise_electrons

    def _above_dark(self, intensity: Tensor) -> Tensor:
        """What the ADC gets of an intensity: here the same."""
        return intensity

    def _expose(self, intensity: Tensor) -> Tensor:
        """Adds shot and read noise: Poisson counts, or their normal approximation from 100 electrons per intensity."""
        electrons, read_noise_electrons = self._config.electrons, self._read_noise
        if electrons is None:
            return intensity
        if electrons < NORMAL_PHOTONS:
            generator = self._streams.generator(READ, intensity.device)
            counts = torch.poisson(intensity * electrons, generator=generator)
            if isinstance(read_noise_electrons, Tensor):
                counts.addcmul_(self._streams.normal(READ, counts), read_noise_electrons)
            elif read_noise_electrons:
                counts.add_(self._streams.normal(READ, counts), alpha=read_noise_electrons)
            return counts / electrons
        noise = self._streams.normal(READ, intensity)
        if not isinstance(read_noise_electrons, Tensor) and not read_noise_electrons:
            return intensity.addcmul(intensity.sqrt(), noise, value=electrons**-0.5)
        spread = (intensity * (1 / electrons)).add_((read_noise_electrons / electrons) ** 2).sqrt_()
        return intensity.addcmul(spread, noise)


class MeasuredCamera(Camera):
    """A camera whose dark frames were measured: each pixel has an offset and a read noise of its own.

    The offset goes into the ADC with the light, so that it takes room of its range. An ideal read has none.
    """

    VALID: ClassVar[Valid] = {"offset": NOT_NEGATIVE, "noise": NOT_NEGATIVE}

    def __init__(self, pixels: int, config: OpticalConfig, streams: Streams, dark: DarkPixels) -> None:
        super().__init__(pixels, config, streams)
        noise = torch.full_like(dark.offset, config.read_noise_electrons) if dark.noise is None else dark.noise
        self.offset, self.noise = nn.Buffer(dark.offset), nn.Buffer(noise)

    @property
    def _read_noise(self) -> float | Tensor:
        return self.noise

    def _above_dark(self, intensity: Tensor) -> Tensor:
        return intensity + self.offset
