"""Media whose outputs are standardised by what they showed for calibration drives."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from pib_rl.common.streams import CALIBRATION, Streams
from pib_rl.physical.converters import FragileConverter
from pib_rl.physical.substrate import Medium, Read

DRIVES = 1024
MIN_CONTRAST = 0.01  # floor of an output's standard deviation, in units of the detector: a dark output is not amplified


class StandardisedMedium(Medium):
    """h = (what the detector shows - mean) / scale, both per output and buffers of the medium.

    A subclass sets them at fabrication, by `_standardise`.
    """

    shows: ClassVar[str] = "detectors"
    shown_unit: ClassVar[str] = "units"
    adc: FragileConverter  # of the detectors

    def __init__(self, in_features: int, out_features: int, streams: Streams) -> None:
        super().__init__(in_features, out_features)
        self._streams = streams
        self.mean = nn.Buffer(torch.zeros(out_features))
        self.scale = nn.Buffer(torch.ones(out_features))

    @property
    def converter(self) -> FragileConverter:
        """The ADC of the detectors."""
        return self.adc

    def bounds(self, read: Read = Read.NOISY) -> tuple[Tensor, Tensor]:
        """The ends of the converter's range and 0, which a dead detector shows; an ideal read has no end."""
        if read is Read.IDEAL:
            return super().bounds(read)
        low, high = (self.converter(torch.full_like(self.mean, end)) for end in (-torch.inf, torch.inf))
        return low.clamp_(max=0).sub_(self.mean).div_(self.scale), high.sub_(self.mean).div_(self.scale)

    def shown(self, outputs: Tensor) -> Tensor:
        return outputs * self.scale + self.mean

    def recalibrate(self) -> int:
        """Sets mean and scale from noisy reads of normal drives, as after a fault."""
        self._standardise(self.shown(self.measure(self._drives(CALIBRATION))))
        return DRIVES

    def _drives(self, stream: str) -> Tensor:
        """Normal drives for a calibration, shape (DRIVES, in_features)."""
        return self._streams.normal(stream, self.mean.new_zeros(DRIVES, self.in_features))

    def _standardise(self, shown: Tensor) -> None:
        """Sets mean and scale from what the detectors show for calibration drives, shape (n, out_features)."""
        self.mean.copy_(shown.mean(0))
        self.scale.copy_(shown.std(0).clamp_(min=MIN_CONTRAST))
