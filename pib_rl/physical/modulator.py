"""An optical matrix-vector multiplier with quantised modulators."""

from __future__ import annotations

import torch
from torch import Tensor

from pib_rl.physical.converters import Converter
from pib_rl.physical.meter import Meter
from pib_rl.physical.streams import FABRICATION, READ, Streams
from pib_rl.physical.substrate import Array, Read


class ModulatorArray(Array):
    """z = W_q h + noise: modulators hold W quantised, balanced detectors sum the light of a row.

    A digital memory keeps W at full precision and refreshes the modulators after each write, so that changes
    smaller than one step add up. Detector noise has standard deviation noise |h| / sqrt(in_features).

    Args:
        in_features: Number of inputs.
        out_features: Number of outputs.
        meter: Counts modulator settings that changed.
        streams: Named random streams.
        readout: Start at 0 instead of at normal draws of standard deviation 1/sqrt(in_features).
        bound: Largest |weight|, in 1/sqrt(in_features).
        bits: Resolution of the modulators; None is exact.
        noise: Detector noise, relative to |h|/sqrt(in_features).
    """

    memory: Tensor
    weight: Tensor

    def __init__(self, in_features: int, out_features: int, meter: Meter, streams: Streams, *, readout: bool,
                 bound: float, bits: int | None, noise: float) -> None:
        super().__init__(in_features, out_features, meter)
        self._streams = streams
        sigma = in_features**-0.5
        self._noise = noise * sigma
        self._modulator = Converter(bits, -bound * sigma, bound * sigma)
        memory = torch.zeros(out_features, in_features)
        if not readout:
            memory = streams.normal(FABRICATION, memory) * sigma
        self.register_buffer("memory", memory)
        self.register_buffer("weight", self._modulator(memory))

    def measure(self, h: Tensor, read: Read = Read.NOISY) -> Tensor:
        z = h @ (self.memory if read is Read.IDEAL else self.weight).T
        if read is Read.NOISY and self._noise:
            size = torch.linalg.vector_norm(h, dim=1, keepdim=True)
            z.addcmul_(self._streams.normal(READ, z), size, value=self._noise)
        return z

    def program(self, delta: Tensor) -> None:
        bound = self._modulator.high
        self.memory.add_(delta).clamp_(-bound, bound)
        weight = self._modulator(self.memory)
        self.record(weight != self.weight)
        self.weight.copy_(weight)

    def weights(self) -> Tensor:
        return self.weight
