"""Media whose outputs are standardised by what they showed for calibration drives."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from pib_rl.common.streams import CALIBRATION, Streams
from pib_rl.physical.converters import FragileConverter
from pib_rl.physical.substrate import Medium, Read

DRIVES = 1024
MIN_CONTRAST = 0.01  # floor of an output's standard deviation, in units of the detector: a dark output is not amplified


class StandardisedMedium(Medium):
    """h = (what the detector shows - mean) / scale, both per output and buffers of the medium.

    A subclass sets them at fabrication; its ``_streams`` are named random streams.
    """

    shows: ClassVar[str] = "detectors"
    shown_unit: ClassVar[str] = "units"
    mean: Tensor
    scale: Tensor
    _streams: Streams

    @property
    @abstractmethod
    def converter(self) -> FragileConverter:
        """The ADC of the detectors."""

    def bounds(self, read: Read = Read.NOISY) -> tuple[Tensor, Tensor]:
        """The ends of the converter's range and 0, which a dead detector shows; an ideal read has no end."""
        if read is Read.IDEAL:
            return super().bounds(read)
        low, high = (self.converter(torch.full_like(self.mean, end)) for end in (-torch.inf, torch.inf))
        return low.clamp_(max=0).sub_(self.mean).div_(self.scale), high.sub_(self.mean).div_(self.scale)

    def shown(self, outputs: Tensor) -> Tensor:
        return outputs * self.scale + self.mean

    def recalibrate(self) -> int:
        """Sets mean and scale anew from noisy reads of normal drives, as after a fault."""
        drives = self._streams.normal(CALIBRATION, self.mean.new_zeros(DRIVES, self.in_features))
        shown = self.shown(self.measure(drives))
        self.mean.copy_(shown.mean(0))
        self.scale.copy_(shown.std(0).clamp_(min=MIN_CONTRAST))
        return len(drives)
