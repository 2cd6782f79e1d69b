"""The array of the mzi substrate: weights in the phases of interferometers."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from pib_rl.common.streams import FABRICATION, FAULT, READ, Streams
from pib_rl.physical.converters import Converter, FragileConverter
from pib_rl.physical.meter import Meter
from pib_rl.physical.mzi.config import HALF, MZIConfig
from pib_rl.physical.part import Costs, Faults, Size
from pib_rl.physical.struck import struck
from pib_rl.physical.substrate import Array, Read


class WeightBank(Array):
    """z = W h: one interferometer per weight, the difference of its two outputs is the weight.

    With phase pi/2 + phi between its splitters and angles pi/4 + a and pi/4 + b of these,
    w = w_max (cos 2a cos 2b sin phi + sin 2a sin 2b) and w_max = bound/sqrt(in_features); balanced detectors sum a row.
    A memory holds the wanted phases within +-pi/2 and a DAC sets them; phi is the phase set, plus ``crosstalk`` times
    those set left and right of it in its row, plus an error of fabrication. A wanted change of weight dW moves the
    memory by dW / (w_max max(cos phi, slope_floor)), with phi as in memory: what neighbours do is not known to it. A
    read sends the positive and the negative parts of h one after the other and digitises their difference. The
    modulators that send h are ideal.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        config: MZIConfig,
        meter: Meter,
        streams: Streams,
        readout: bool = False,
    ) -> None:
        super().__init__(in_features, out_features, meter)
        self._config = config
        self._streams = streams
        bound, span = (
            (config.readout_bound, config.readout_range) if readout else (config.weight_bound, config.array_range)
        )
        self.scale = bound * in_features**-0.5
        self._noise = 2**0.5 * config.detector_noise * bound * 10 ** (config.insertion_loss_db / 10)  # of two flashes
        self._dac = Converter(config.dac_bits, -HALF, HALF)
        self.adc = FragileConverter(config.adc_bits, -span, span)
        like = streams.zeros(out_features, in_features)
        start = like if readout else (streams.normal(FABRICATION, like) / bound).clamp_(-1, 1).asin()
        first, second = (2 * config.splitter_error_rad * streams.normal(FABRICATION, like) for _ in range(2))
        self.memory = nn.Buffer(start.clone())
        self.contrast = nn.Buffer(first.cos() * second.cos())
        self.leakage = nn.Buffer(first.sin() * second.sin())
        self.error = nn.Buffer(config.phase_error_rad * streams.normal(FABRICATION, like))
        self.working = nn.Buffer(torch.ones_like(like))
        self.stuck_at = nn.Buffer(torch.zeros_like(like))
        self.weight = nn.Buffer(torch.zeros_like(like))
        self._settle()

    def _phase(self, wanted: Tensor) -> Tensor:
        """The phases wanted, but where a heater is stuck; a new tensor, shape (*chips, out_features, in_features)."""
        return torch.where(self.working > 0, wanted, self.stuck_at)

    def _settle(self) -> None:
        phase = self._phase(self._dac(self.memory))
        heard = phase + self.error
        heard[..., 1:].add_(phase[..., :-1], alpha=self._config.crosstalk)
        heard[..., :-1].add_(phase[..., 1:], alpha=self._config.crosstalk)
        self.weight.copy_(torch.addcmul(self.leakage, self.contrast, heard.sin_())).mul_(self.scale)

    def measure(self, h: Tensor, read: Read = Read.NOISY) -> Tensor:
        if read is Read.IDEAL:
            return h @ self._phase(self.memory).sin_().mul_(self.scale).mT
        z = h @ self.weight.mT
        if read is Read.NOISY and self._noise:
            z.add_(self._streams.normal(READ, z), alpha=self._noise)
        converted: Tensor = self.adc(z)
        return converted

    def program(self, delta: Tensor) -> None:
        before = self._dac(self.memory)
        slope = self.memory.cos().clamp_(min=self._config.slope_floor).mul_(self.scale)
        self.memory.addcdiv_(delta, slope).clamp_(-HALF, HALF)
        changed = self._dac(self.memory) != before
        self._settle()
        self.record(changed, self._config.dac_energy_j)

    def settings(self) -> tuple[str, Tensor]:
        return "phase_rad", self._phase(self.memory)

    def adopt(self, values: Tensor) -> None:
        changed = values != self.settings()[1]
        self.memory.copy_(torch.where(changed, values.clamp(-HALF, HALF), self.memory))
        self._settle()

    def weights(self) -> Tensor:
        return self.weight

    @property
    def latency(self) -> float:
        return 2 * self._config.settle_time_s

    def costs(self, inputs: Tensor, outputs: Tensor) -> Costs:
        config, samples = self._config, inputs.shape[-2]
        time = samples * self.latency
        held = (self._phase(self.memory) + HALF).sum((-2, -1)) * (config.heater_power_w / math.pi)
        conversions = 2 * (inputs.shape[-1] * config.dac_energy_j + outputs.shape[-1] * config.adc_energy_j)
        return {
            "array": held * time,
            "light": config.laser_power_w * time,
            "modulator": inputs.shape[-1] * config.heater_power_w / 2 * time,
            "converters": samples * conversions,
        }

    def faults(self) -> Faults:
        return {"stuck": self._seize, "adc-bits": self.adc.limit}

    def _seize(self, fraction: Size) -> None:
        hit = struck("stuck", fraction, self.working, self._streams) & (self.working > 0)
        phase = (self._streams.uniform(FAULT, self.memory) - 0.5) * math.pi
        self.stuck_at.copy_(torch.where(hit, phase, self.stuck_at))
        self.working.masked_fill_(hit, 0.0)
        self._settle()
