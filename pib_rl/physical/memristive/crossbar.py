"""Reading a differential crossbar: currents through pairs of conductances, wires, noise, converter."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn

from pib_rl.common.streams import READ, Streams
from pib_rl.physical.converters import FragileConverter
from pib_rl.physical.memristive.config import MemristiveConfig
from pib_rl.physical.memristive.ir_drop import behind_wires
from pib_rl.physical.meter import Meter
from pib_rl.physical.part import Costs, Faults
from pib_rl.physical.ranging import RangedConverter
from pib_rl.physical.substrate import Array, Read


class Crossbar(Array):
    """Differential crossbar: each weight is the difference of two conductances, W = w_max (G+ - G-).

    Conductances are normalised to 0..1 of the largest, and w_max = bound sigma_0, sigma_0 = 1/sqrt(in_features). A read
    gives z = W h + noise through the ADC. Of the noise of every pair there remains one normal draw per output, of
    standard deviation read_noise sigma_0 |h|; noise relative to each conductance adds
    relative_read_noise w_max sqrt(sum_j (G+_j^2 + G-_j^2) h_j^2).

    With ``ranging`` calibrated, `recalibrate` sets the range of a hidden array's ADC to what it measures. That of a
    readout does not move: its weights start at 0, and a range that fits them then would cut off what it is to learn.

    Energy of a read: sum over devices of V^2 G t, with V = read_voltage_v h, G in siemens, t = read_time_s; and one
    conversion per output and sample.

    Args:
        readout: Ranges of a readout, not of a hidden array.
        max_conductance_us: Largest conductance, in microsiemens.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        config: MemristiveConfig,
        meter: Meter,
        streams: Streams,
        readout: bool,
        max_conductance_us: float,
    ) -> None:
        super().__init__(in_features, out_features, meter)
        self._streams = streams
        self._config = config
        self._siemens = 1e-6 * max_conductance_us
        self.sigma = in_features**-0.5
        self.scale = self.sigma * (config.readout_bound if readout else config.weight_bound)
        self._read_noise = config.read_noise * self.sigma
        span = config.readout_range if readout else config.array_range
        ranged = config.ranging == "calibrated" and not readout
        self._adc = (
            RangedConverter(config.adc_bits, span, config.adc_inl, config.gain_limit, streams.chips)
            if ranged
            else FragileConverter(config.adc_bits, -span, span, config.adc_inl)
        )
        self._adc_noise = config.adc_noise * 2 * span
        self._wire = config.warm_wire_resistance_ohm * self._siemens
        self.difference = nn.Buffer(streams.zeros(out_features, in_features))
        self.load = nn.Buffer(streams.zeros(in_features))
        if self._wire:
            self.behind = nn.Buffer(streams.zeros(out_features, in_features))
        if config.relative_read_noise:
            self.squares = nn.Buffer(streams.zeros(out_features, in_features))

    @abstractmethod
    def conductances(self) -> Tensor:
        """G+ and G-, shape (*chips, 2, out_features, in_features), 0..1, or more of devices that spread."""

    def settings(self) -> tuple[str, Tensor]:
        return "conductance_us", self.conductances() * (1e6 * self._siemens)

    def adopt(self, values: Tensor) -> None:
        changed = values != self.settings()[1]
        self._take(changed, values / (1e6 * self._siemens))
        self.settle()

    @abstractmethod
    def _take(self, changed: Tensor, conductances: Tensor) -> None:
        """Takes over those conductances that ``changed``, of the shape and in the units of `conductances`."""

    def settle(self) -> None:
        """Takes note of conductances that changed."""
        pair = self.conductances()
        plus, minus = pair.unbind(-3)
        torch.sub(plus, minus, out=self.difference).mul_(self.scale)
        torch.sum(pair, (-3, -2), out=self.load)
        if self._wire:
            plus, minus = behind_wires(pair, self._wire).unbind(-3)
            torch.sub(plus, minus, out=self.behind).mul_(self.scale)
        if self._config.relative_read_noise:
            torch.sum(pair.square(), -3, out=self.squares)

    def measure(self, h: Tensor, read: Read = Read.NOISY) -> Tensor:
        if read is Read.IDEAL:
            return h @ self.difference.mT
        z = h @ (self.behind if self._wire else self.difference).mT
        if read is Read.NOISY:
            self._add_noise(z, h)
        converted: Tensor = self._adc(z)
        return converted

    def _add_noise(self, z: Tensor, h: Tensor) -> None:
        relative = self._config.relative_read_noise
        if relative:
            square = h.square()
            size = (square @ self.squares.mT).mul_((relative * self.scale) ** 2)
            if self._read_noise:
                size.add_(square.sum(-1, keepdim=True), alpha=self._read_noise**2)
            z.addcmul_(self._streams.normal(READ, z), size.sqrt_())
        elif self._read_noise:
            size = torch.linalg.vector_norm(h, dim=-1, keepdim=True)
            z.addcmul_(self._streams.normal(READ, z), size, value=self._read_noise)
        if self._adc_noise:
            z.add_(self._streams.normal(READ, z) * (self._adc_noise / self._adc.amplification))

    def recalibrate(self, h: Tensor) -> int:
        if not isinstance(self._adc, RangedConverter):
            return 0
        self._adc.open()
        z = self.measure(h)
        self._adc.fit(z)
        self.meter.spend(self.costs(h, z))
        return h.shape[-2]

    @property
    def devices(self) -> int:
        return 2 * super().devices

    @property
    def latency(self) -> float:
        return self._config.read_time_s + self._config.adc_time_s

    def costs(self, inputs: Tensor, outputs: Tensor) -> Costs:
        config = self._config
        energy = config.read_voltage_v**2 * self._siemens * config.read_time_s
        return {
            "array": (inputs.square().sum(-2) * self.load).sum(-1) * energy,
            "converters": outputs.shape[-2] * outputs.shape[-1] * config.adc_energy_j,
        }

    def faults(self) -> Faults:
        return {"adc-bits": self._adc.limit}

    def weights(self) -> Tensor:
        return self.difference
