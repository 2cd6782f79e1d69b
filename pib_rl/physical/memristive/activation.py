"""Saturating analog activations: the medium of the memristive substrate."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from pib_rl.common.arithmetic import tanh_
from pib_rl.common.streams import FABRICATION, READ, Streams
from pib_rl.physical.converters import Converter, FragileConverter
from pib_rl.physical.memristive.config import MemristiveConfig
from pib_rl.physical.part import Costs, Faults
from pib_rl.physical.substrate import Medium, Read


class ActivationMedium(Medium):
    """Saturating analog activations, one per drive, read by an ADC.

    h_i = ADC(tanh(a_i DAC(drive_i) + b_i) + noise); gain a_i and offset b_i are drawn at fabrication. What the
    DAC gives may be nonlinear and noisy.
    """

    def __init__(self, features: int, config: MemristiveConfig, streams: Streams) -> None:
        super().__init__(features, features)
        self._streams = streams
        self._config = config
        self._noise = math.hypot(config.medium_noise, 2 * config.adc_noise)
        self._dac = Converter(config.dac_bits, -config.drive_range, config.drive_range)
        self._dac_noise = config.dac_noise * 2 * config.drive_range
        self._adc = FragileConverter(config.adc_bits, -1.0, 1.0, config.adc_inl)
        like = streams.zeros(1, features)
        self.gain = nn.Buffer(1.0 + config.activation_gain_spread * streams.normal(FABRICATION, like))
        self.offset = nn.Buffer(config.activation_offset_spread * streams.normal(FABRICATION, like))

    def measure(self, drive: Tensor, read: Read = Read.NOISY) -> Tensor:
        if read is Read.IDEAL:
            return tanh_(drive.clone())
        h = tanh_(torch.addcmul(self.offset, self._sent(drive, read), self.gain))
        if read is Read.NOISY and self._noise:
            h.add_(self._streams.normal(READ, h), alpha=self._noise)
        converted: Tensor = self._adc(h)
        return converted

    def _sent(self, drive: Tensor, read: Read) -> Tensor:
        """What the DAC gives, shape (..., n, in_features), in drive units."""
        sent = self._dac(drive)
        if self._config.dac_inl:
            sent = self._dac.apply_inl(sent, self._config.dac_inl)
        if read is Read.NOISY and self._dac_noise:
            sent.add_(self._streams.normal(READ, sent), alpha=self._dac_noise)
        return sent

    def bounds(self, read: Read = Read.NOISY) -> tuple[Tensor, Tensor]:
        edge = torch.ones_like(self.gain).squeeze(-2)
        return -edge, edge

    def faults(self) -> Faults:
        return {"adc-bits": self._adc.limit}

    @property
    def latency(self) -> float:
        return self._config.dac_time_s + self._config.adc_time_s

    def costs(self, inputs: Tensor, outputs: Tensor) -> Costs:
        config = self._config
        joules = inputs.shape[-1] * config.dac_energy_j + outputs.shape[-1] * config.adc_energy_j
        return {"converters": inputs.shape[-2] * joules}
