"""Media whose outputs are standardised by what they showed for calibration drives."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor, nn

from pib_rl.common.streams import CALIBRATION, Streams
from pib_rl.physical.converters import FragileConverter
from pib_rl.physical.part import restore_after_loading
from pib_rl.physical.substrate import Medium, Read

DRIVES = 1024
AT_ONCE = 2**19  # outputs of all samples that a CPU simulates together: more leave its cache, 2.5 times slower
MIN_CONTRAST = 0.01  # floor of an output's standard deviation, in units of the detector: a dark output is not amplified


class StandardisedMedium(Medium):
    """h = (what the detector shows - mean) / scale, both per output and buffers of the medium.

    A subclass sets them at fabrication, by `_standardise`. Both have shape (*chips, 1, out_features).
    """

    shows: ClassVar[str] = "detectors"
    shown_unit: ClassVar[str] = "units"
    adc: FragileConverter  # of the detectors

    def __init__(self, in_features: int, out_features: int, streams: Streams) -> None:
        super().__init__(in_features, out_features)
        self._streams = streams
        self.mean = nn.Buffer(streams.zeros(1, out_features))
        self.scale = nn.Buffer(streams.zeros(1, out_features).add_(1))
        self._slope = nn.Buffer(torch.ones_like(self.scale), persistent=False)
        self._zero = nn.Buffer(torch.zeros_like(self.mean), persistent=False)
        restore_after_loading(self)

    @property
    def converter(self) -> FragileConverter:
        """The ADC of the detectors."""
        return self.adc

    def bounds(self, read: Read = Read.NOISY) -> tuple[Tensor, Tensor]:
        """The ends of the converter's range and 0, which a dead detector shows; an ideal read has no end."""
        if read is Read.IDEAL:
            return super().bounds(read)
        low, high = (self.converter(torch.full_like(self.mean, end)) for end in (-torch.inf, torch.inf))
        return self.standard(low.clamp_(max=0)).squeeze(-2), self.standard(high).squeeze(-2)

    def standard(self, shown: Tensor) -> Tensor:
        """h, shape (..., n, out_features), from what the detectors show, of the same shape."""
        return torch.addcmul(self._zero, shown, self._slope)

    def restore(self) -> None:
        """Takes over what the buffers say, they may have been loaded: h = zero + slope shown."""
        torch.reciprocal(self.scale, out=self._slope)
        torch.mul(self.mean, self._slope, out=self._zero).neg_()

    def shown(self, outputs: Tensor) -> Tensor:
        return outputs * self.scale + self.mean

    def recalibrate(self) -> int:
        """Sets mean and scale from noisy reads of normal drives, as after a fault."""
        self._standardise(self._drives(CALIBRATION), lambda drives: self.shown(self.measure(drives)))
        return DRIVES

    def _drives(self, stream: str) -> Tensor:
        """Normal drives for a calibration, shape (*chips, DRIVES, in_features)."""
        return self._streams.normal(stream, self._streams.zeros(DRIVES, self.in_features).to(self.mean))

    def _standardise(self, drives: Tensor, show: Callable[[Tensor], Tensor]) -> None:
        """Sets mean and scale from what the detectors show for drives, shape (..., n, in_features), part by part."""
        samples = drives.shape[-2]
        rows = max(1, AT_ONCE // (self.out_features * math.prod(drives.shape[:-2])))
        total, square = (torch.zeros_like(self.mean, dtype=torch.float64) for _ in range(2))
        for part in torch.split(drives, rows, -2):
            shown = show(part).double()
            total += shown.sum(-2, keepdim=True)
            square += shown.square().sum(-2, keepdim=True)
        mean = total / samples
        variance = (square - samples * mean.square()).clamp_(min=0) / (samples - 1)
        self.mean.copy_(mean)
        self.scale.copy_(variance.sqrt_().clamp_(min=MIN_CONTRAST))
        self.restore()
