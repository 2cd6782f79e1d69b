"""An optical matrix-vector multiplier with quantised modulators."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pib_rl.common.streams import FABRICATION, FAULT, READ, Streams
from pib_rl.physical.converters import Converter
from pib_rl.physical.meter import Meter
from pib_rl.physical.optical.config import OpticalConfig
from pib_rl.physical.optical.costs import frame_time, of_samples, product_costs, refresh_cost
from pib_rl.physical.part import Costs, Faults, Size
from pib_rl.physical.struck import struck
from pib_rl.physical.substrate import Array, Read

READOUT_SPAN = 4.0  # the readout's weights start at 0 and must span logits and values


class MultiplierArray(Array):
    """z = W_q h + noise: modulators hold W quantised, balanced detectors sum the light of a row.

    A digital memory keeps W at full precision and refreshes the modulators after each write, so that changes
    smaller than one step add up. Detector noise has standard deviation detector_noise |h| / sqrt(in_features).

    Stuck modulators hold their weight whatever is written; the memory knows it. The meter counts settings that changed.

    A readout starts at 0 instead of at normal draws of standard deviation 1/sqrt(in_features), with a larger bound.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        config: OpticalConfig,
        meter: Meter,
        streams: Streams,
        readout: bool = False,
    ) -> None:
        super().__init__(in_features, out_features, meter)
        self._config = config
        self._streams = streams
        sigma = in_features**-0.5
        self._noise = config.detector_noise * sigma
        bound = config.multiplier_bound * (READOUT_SPAN if readout else 1) * sigma
        self._modulator = Converter(config.multiplier_bits, -bound, bound)
        memory = streams.zeros(out_features, in_features)
        if not readout:
            memory = streams.normal(FABRICATION, memory) * sigma
        self.memory = nn.Buffer(memory)
        self.weight = nn.Buffer(self._modulator(memory))
        self.free = nn.Buffer(torch.ones_like(memory))

    def measure(self, h: Tensor, read: Read = Read.NOISY) -> Tensor:
        z = h @ (self.memory if read is Read.IDEAL else self.weight).mT
        if read is Read.NOISY and self._noise:
            size = torch.linalg.vector_norm(h, dim=-1, keepdim=True)
            z.addcmul_(self._streams.normal(READ, z), size, value=self._noise)
        return z

    def program(self, delta: Tensor) -> None:
        bound = self._modulator.high
        self.memory.addcmul_(delta, self.free).clamp_(-bound, bound)
        weight = self._modulator(self.memory)
        self.record(weight != self.weight)
        self.weight.copy_(weight)
        self.meter.spend({"programming": refresh_cost(self._config)})

    def weights(self) -> Tensor:
        return self.weight

    @property
    def latency(self) -> float:
        return frame_time(self._config)

    def costs(self, inputs: Tensor, outputs: Tensor) -> Costs:
        return of_samples(product_costs(self._config, self.out_features), inputs.shape[-2])

    def stick(self, fraction: Size) -> None:
        """Sticks a fraction 0..1 of the modulators, each at a random weight within its bound."""
        stuck = struck("stuck", fraction, self.weight, self._streams) & (self.free == 1)
        at = (2 * self._streams.uniform(FAULT, self.weight) - 1) * self._modulator.high
        self.memory.copy_(torch.where(stuck, self._modulator(at), self.memory))
        self.weight.copy_(self._modulator(self.memory))
        self.free.masked_fill_(stuck, 0.0)

    def faults(self) -> Faults:
        return {"stuck": self.stick}
