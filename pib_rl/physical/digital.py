"""The digital substrate: tanh medium and exact array. The reference that the others approach when idealised."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pib_rl.common.arithmetic import tanh_
from pib_rl.common.streams import FABRICATION, Streams
from pib_rl.physical.meter import Meter
from pib_rl.physical.part import Costs
from pib_rl.physical.substrate import Array, Medium, Read, Substrate

# Energy of a multiplication and addition, in joules: NVIDIA H100 SXM at its peak, 989.4 TFLOP/s of 16-bit numbers at
# 700 W (data sheet), two operations each. At small batches processors move more than they compute and need 10 to
# 100 times as much: what analog hardware is compared with is the processor's best.
MAC_J = 1.41e-12


@dataclass(frozen=True)
class DigitalConfig:
    """Nothing to set: digital arithmetic is exact."""


class TanhMedium(Medium):
    """h = tanh(drive), element by element."""

    def __init__(self, features: int) -> None:
        super().__init__(features, features)

    def measure(self, drive: Tensor, read: Read = Read.NOISY) -> Tensor:
        return tanh_(drive.clone())

    def bounds(self, read: Read = Read.NOISY) -> tuple[Tensor, Tensor]:
        edge = torch.ones(self.out_features, dtype=torch.float32)
        return -edge, edge


class DigitalArray(Array):
    """z = W h with W in floating point; energy `MAC_J` per sample and weight, no latency.

    Hidden weights start as normal draws of standard deviation 1/sqrt(in_features), readout weights at 0.
    """

    def __init__(
        self, in_features: int, out_features: int, meter: Meter, streams: Streams, readout: bool = False
    ) -> None:
        super().__init__(in_features, out_features, meter)
        weight = streams.zeros(out_features, in_features)
        if not readout:
            weight = streams.normal(FABRICATION, weight) / in_features**0.5
        self.weight = nn.Buffer(weight)

    def measure(self, h: Tensor, read: Read = Read.NOISY) -> Tensor:
        return h @ self.weight.mT

    def program(self, delta: Tensor) -> None:
        self.weight.add_(delta)
        self.record(delta != 0)

    def costs(self, inputs: Tensor, outputs: Tensor) -> Costs:
        return {"digital": inputs.shape[-2] * self.weights_held * MAC_J}

    def weights(self) -> Tensor:
        return self.weight


class Digital(Substrate):
    """Exact tanh units in floating point."""

    name = "digital"
    wafers = True
    Config = DigitalConfig
    input_gain = 0.5  # a saturated activation hides the ends of an input's range
    drive_gain = 1.5
    drive_offset = 1.0

    def make_medium(self, in_features: int, out_features: int) -> Medium:
        return TanhMedium(in_features)

    def make_array(self, in_features: int, out_features: int, *, readout: bool = False) -> Array:
        return DigitalArray(in_features, out_features, self.meter, self.streams, readout)
