"""What modulates the light: drives to the complex field of pixels, and that field through a matrix."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor

from pib_rl.common.arithmetic import tanh_
from pib_rl.physical.optical.config import OpticalConfig

MANY = 128  # phases from which on three real products are faster than one of four blocks
KERNEL_ORDER, KERNEL_WIDTH = 2.3, 0.92  # Schroff et al. 2023, and their code hologradpy: sigma 0.92 / pitch


class SpatialLightModulator(ABC):
    """Pixels in front of a medium: groups of ``copies``, one per drive, and behind them the unmodulated reference.

    Each pixel reflects m (1 - u) + u with m what it shows and u the unmodulated fraction, the reference reflects 1.
    Of all ``pixels``, ``signal_pixels`` belong to drives.
    """

    def __init__(self, drives: int, config: OpticalConfig) -> None:
        fraction = 1.0 - config.reference
        self.drives = drives
        self.copies = max(1, math.ceil(config.slm_pixels * fraction / drives))
        self.signal_pixels = self.copies * drives
        self.pixels = max(self.signal_pixels, round(self.signal_pixels / fraction))
        self._config = config
        self._unmodulated = config.unmodulated

    @abstractmethod
    def fold(self, matrix: Tensor) -> tuple[Tensor, Tensor]:
        """Prepares a transmission matrix for `intensity`.

        Args:
            matrix: Real and imaginary parts, shape (*chips, 2, out, pixels), variances 1/2 each.

        Returns:
            What drives are multiplied with, in a shape of the modulator's own, and the field of what never changes:
            real parts, then imaginary parts, shape (*chips, 1, 2 out). Scaled to a mean intensity of 1 where all drives
            are 0.
        """

    @abstractmethod
    def waves(self, drive: Tensor, exact: bool = False) -> Tensor:
        """What the pixels show for drives of shape (..., n, drives); ``exact`` without rounding to phase levels."""

    def intensity(self, drive: Tensor, folded: Tensor, background: Tensor, exact: bool = False) -> Tensor:
        """|T e|^2, shape (..., n, out), for drives of shape (..., n, drives), with what `fold` made of T."""
        field = (self.waves(drive, exact) @ folded).add_(background).square_()
        out = field.shape[-1] // 2
        return field[..., :out] + field[..., out:]


class PhaseModulator(SpatialLightModulator):
    """Liquid crystal on silicon: m = exp(i phi), phi = range tanh(gain drive), the same on all pixels of a drive.

    Pixels of one phase fold into one. Where the response of the modulator was measured, the phase is that of the grey
    level, see `pib_rl.physical.optical.response.ResponseCurve`.
    """

    def __init__(self, drives: int, config: OpticalConfig) -> None:
        super().__init__(drives, config)
        self._response = None if config.own is None else config.own.response

    def phases(self, drive: Tensor, exact: bool) -> Tensor:
        """Phases in radians, shape (..., n, drives), rounded to the levels of the modulator unless exact."""
        if self._response is not None:
            return self._response.phase(drive, self._config.phase_gain, exact)
        phase = tanh_(drive * self._config.phase_gain).mul_(self._config.phase_range_rad)
        bits = self._config.phase_bits
        if bits is None or exact:
            return phase
        step = 2 * math.pi / 2**bits
        return phase.mul_(1 / step).round_().mul_(step)

    def waves(self, drive: Tensor, exact: bool = False) -> Tensor:
        """Cosines, then sines of the phases, shape (..., n, 2 drives)."""
        phase = self.phases(drive, exact)
        return torch.cat([phase.cos(), phase.sin()], -1)

    def intensity(self, drive: Tensor, folded: Tensor, background: Tensor, exact: bool = False) -> Tensor:
        if not self._three:
            return super().intensity(drive, folded, background, exact)
        phase = self.phases(drive, exact)
        cosine, sine = phase.cos(), phase.sin()
        real, imaginary = background.chunk(2, -1)
        first, second, third = folded.unbind(-3)
        both = (cosine + sine) @ first
        real = (both + real).sub_(sine @ third)
        return both.add_(imaginary).add_(cosine @ second).square_().addcmul_(real, real)

    def fold(self, matrix: Tensor) -> tuple[Tensor, Tensor]:
        matrix = matrix / matrix.shape[-1] ** 0.5
        signal = torch.unflatten(matrix[..., : self.signal_pixels], -1, (self.drives, self.copies)).sum(-1)
        background = matrix[..., self.signal_pixels :].sum(-1)
        if self._unmodulated:
            background += self._unmodulated * signal.sum(-1)
            signal = signal * (1 - self._unmodulated)
        return self._prepared(*signal.mT.unbind(-3)), _row(background)

    def _prepared(self, real: Tensor, imaginary: Tensor) -> Tensor:
        """A complex matrix, parts of shape (*chips, phases, out), as `intensity` multiplies with it.

        (C + iS)(R + iI) takes one product of [C S] with four blocks, or, of many phases, the three products (C + S)R,
        C(I - R) and S(R + I).
        """
        self._three = real.shape[-2] >= MANY
        if self._three:
            return torch.stack([real, imaginary - real, real + imaginary], -3)
        return torch.cat([torch.cat([real, imaginary], -1), torch.cat([-imaginary, real], -1)], -2)

    def parts(self, folded: Tensor) -> tuple[Tensor, Tensor]:
        """Real and imaginary part of T per phase, shape (*chips, phases, out) each, from what `fold` made of it."""
        if self._three:
            real, difference, _ = folded.unbind(-3)
            return real, difference + real
        real, imaginary = folded[..., : folded.shape[-2] // 2, :].chunk(2, -1)
        return real, imaginary


class FringedModulator(PhaseModulator):
    """An SLM whose pixels bend the liquid crystal of their neighbours: phases are blurred, pixel by pixel.

    The blur's spectrum is H(k) = exp(-(|k|/sigma)^2.3) along each axis with sigma = 0.92 / (crosstalk pitch). The mean
    phase of a pixel j places from one of phase 1 is then t_j = integral H(k) sinc^2(k pitch) cos(2 pi k j pitch) dk;
    like the published kernel, t ends at the next neighbours and sums to 1. Pixels stand in rows on a square panel;
    around it and on the reference, phases are 0 before the blur. No phase varies inside a pixel, so |m| stays 1.

    Source: Schroff et al., Sci. Rep. 13:3252 (2023), 10.1038/s41598-023-30296-6; Moser et al., Opt. Express 27:25046
    (2019), on the effect.
    """

    def __init__(self, drives: int, config: OpticalConfig) -> None:
        super().__init__(drives, config)
        self._columns = math.ceil(self.pixels**0.5)
        self._touched = min(self.pixels, self.signal_pixels + self._columns + 1)  # others have no signal beside
        self._rows = math.ceil(self._touched / self._columns)
        self.taps = blur(config.crosstalk)

    def phases(self, drive: Tensor, exact: bool) -> Tensor:
        """Blurred phases of all pixels that a signal reaches, shape (..., n, pixels reached)."""
        phase = super().phases(drive, exact).repeat_interleave(self.copies, -1)
        rows, columns = self._rows, self._columns
        panel = torch.nn.functional.pad(phase, (0, rows * columns - phase.shape[-1])).view(-1, rows, columns)
        own, beside = self.taps
        wide = torch.nn.functional.pad(panel, (1, 1, 1, 1))
        wide = (wide[:, :-2] + wide[:, 2:]).mul_(beside).add_(wide[:, 1:-1], alpha=own)
        panel = (wide[:, :, :-2] + wide[:, :, 2:]).mul_(beside).add_(wide[:, :, 1:-1], alpha=own)
        return panel.flatten(1)[:, : self._touched].reshape(*drive.shape[:-1], self._touched)

    def fold(self, matrix: Tensor) -> tuple[Tensor, Tensor]:
        matrix = matrix / matrix.shape[-1] ** 0.5
        signal = matrix[..., : self._touched]
        background = matrix[..., self._touched :].sum(-1) + self._unmodulated * signal.sum(-1)
        return self._prepared(*(signal * (1 - self._unmodulated)).mT.unbind(-3)), _row(background)


class BinaryModulator(SpatialLightModulator):
    """Pixels of two states: m = 1 (on) or ``off``; 0 for the mirrors of a DMD, -1 for a ferroelectric liquid crystal.

    Of the ``copies`` pixels of a drive the first round(copies (1 + tanh(gain drive))/2) are on. Each has elements of
    the transmission matrix of its own, so the field takes random steps with the drive. On the average over on and
    off, as at drive 0, the mean intensity is 1.

    Source: Popoff et al., arXiv 2311.17496, on DMDs; the law of the drive is this project's.
    """

    def __init__(self, drives: int, config: OpticalConfig, off: float) -> None:
        super().__init__(drives, config)
        self._off = off * (1 - config.unmodulated) + config.unmodulated

    def waves(self, drive: Tensor, exact: bool = False) -> Tensor:
        """1 where a pixel is on and else 0, shape (..., n, signal_pixels)."""
        level = tanh_(drive * self._config.mirror_gain).add_(1).mul_(0.5 * self.copies)
        rank = torch.arange(self.copies, device=drive.device, dtype=drive.dtype) + 0.5
        return (level[..., None] > rank).flatten(-2).to(drive.dtype)

    def fold(self, matrix: Tensor) -> tuple[Tensor, Tensor]:
        signal, reference = matrix[..., : self.signal_pixels], matrix[..., self.signal_pixels :]
        light = reference.shape[-1] + signal.shape[-1] * (1 + self._off**2) / 2
        background = (reference.sum(-1) + self._off * signal.sum(-1)) / light**0.5
        return signal.flatten(-3, -2).mT * ((1 - self._off) / light**0.5), _row(background)


def _row(background: Tensor) -> Tensor:
    """Real parts, then imaginary parts, shape (*chips, 1, 2 out), of a field, shape (*chips, 2, out)."""
    return background.flatten(-2).unsqueeze(-2)


def make_modulator(drives: int, config: OpticalConfig) -> SpatialLightModulator:
    """The modulator of a configuration."""
    if config.modulator == "slm":
        return FringedModulator(drives, config) if config.crosstalk else PhaseModulator(drives, config)
    return BinaryModulator(drives, config, 0.0 if config.modulator == "dmd" else -1.0)


def blur(size: float) -> tuple[float, float]:
    """Weights of a pixel's own phase and of each of its two neighbours along one axis, for a relative blur ``size``."""
    step = 0.01
    k = torch.arange(step / 2, min(5 / size, 2000.0), step, dtype=torch.float64)  # H(5 / size) is 1e-21
    kept = torch.exp(-((k * size / KERNEL_WIDTH) ** KERNEL_ORDER)) * torch.sinc(k) ** 2
    own, beside = (float((kept * torch.cos(2 * math.pi * k * place)).sum()) for place in (0, 1))
    return own / (own + 2 * beside), beside / (own + 2 * beside)
