"""Ranges of converters that follow the signal: an amplifier of programmable gain in front."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pib_rl.physical.converters import FragileConverter

RANGINGS = ("fixed", "calibrated")
COVERED_RMS = 3.0  # root mean squares that a range covers at least


class RangedConverter(FragileConverter):
    """ADC(g x)/g with a gain g of 1, 2, 4, ... up to a limit: a converter of range span/g, and all its steps.

    Noise and INL of the converter stay relative to its range, so that a gain divides both at the input; the amplifier
    itself adds neither (assumed). `fit` chooses the largest gain whose range still covers 3 root mean squares of what
    was measured: of normal outputs 0.27 % are beyond at most, of any law one in nine (Chebyshev).

    Source: gains in powers of two up to 16 as in TI's ADS1114 (SBAS444E, section on the full-scale range); 3 standard
    deviations as aihwkit (``InputRangeParameter.init_std_alpha``), which sets input ranges so. Wan et al., Nature
    608:504 (2022), fig. 4b, search operating conditions of a memristive chip by such a calibration; their law is
    another.

    Args:
        bits: As `Converter`.
        span: At gain 1 it covers -span..span, in the unit of the converted quantity.
        inl: As `Converter`.
        limit: Largest gain, 1 or more.
        chips: Leading axes of what is converted, see `Streams.chips`; each chip has a gain of its own.

    Attributes:
        gain: The gain as a float buffer, shape (*chips). What is no power of two in 1..limit stands for 1, so that any
            state can be loaded.
    """

    def __init__(self, bits: int | None, span: float, inl: float, limit: float, chips: tuple[int, ...] = ()) -> None:
        super().__init__(bits, -span, span, inl)
        self._limit = limit
        self.gain = nn.Buffer(torch.ones(chips, dtype=torch.float32))
        self._factor: float | Tensor = (
            nn.Buffer(torch.ones((*chips, 1, 1), dtype=torch.float32), persistent=False) if chips else 1.0
        )

    @property
    def amplification(self) -> float | Tensor:
        return self._factor

    def forward(self, value: Tensor) -> Tensor:
        """Converts ``value`` (any shape), round to nearest, saturating at the ends of the range in use."""
        if isinstance(self.amplification, float) and self.amplification == 1:
            return super().forward(value)
        return super().forward(value * self.amplification).mul_(1 / self.amplification)

    def open(self) -> None:
        """Back to the largest range: gain 1."""
        self._set(torch.ones_like(self.gain))

    def fit(self, seen: Tensor) -> None:
        """Chooses the gain for a signal that was converted at gain 1, shape (*chips, ...).

        What rounding hid is added to its mean square as step^2/12, so that a signal below a step is not taken for none.
        """
        power = seen.double().square().flatten(self.gain.ndim).mean(-1) + self.converter.step**2 / 12
        most = (self.converter.high / (COVERED_RMS * power.sqrt())).clamp(1.0, self._limit).nan_to_num(1.0)
        self._set(most.log2().floor().exp2())

    def _set(self, gain: Tensor) -> None:
        self.gain.copy_(gain)
        self.restore()

    def restore(self) -> None:
        super().restore()
        stored = self.gain
        power = stored.log2()
        valid = (stored >= 1) & (stored <= self._limit) & (power == power.floor())
        gain = torch.where(valid, stored, 1.0)
        self._factor = gain[:, None, None] if gain.ndim else gain.item()
