"""The memristive substrate: differential crossbars and saturating analog activations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from pib_rl.physical.converters import Converter, FragileConverter, check_bits
from pib_rl.physical.meter import Meter
from pib_rl.physical.streams import FABRICATION, FAULT, READ, WRITE, Streams
from pib_rl.physical.substrate import Array, Medium, Read, Substrate


@dataclass(frozen=True)
class MemristiveConfig:
    """Parameters of crossbars and activations.

    Weights are normalised by the initial standard deviation sigma_0 = 1/sqrt(in_features) of a hidden array.

    Args:
        weight_bound: Largest |weight|, in sigma_0: G+ - G- of one device pair at the ends of its range.
        readout_bound: The same for the readout array, whose weights start at 0 and must span logits and values.
        write_noise: Standard deviation of the cycle-to-cycle error of a write, relative to that write (0.3: Gokmen
            & Vlasov, Front. Neurosci. 10:333 (2016), table 1, relative to dw_min).
        device_spread: Device-to-device standard deviation of the step size, relative to the mean step (0.2 for
            ReRAM: Gong et al., Nat. Commun. 9:2102 (2018)).
        stuck: Share of devices stuck at a random conductance, each of the two devices of a pair by itself.
        read_noise: Standard deviation of the conductance noise of a read per device pair, in sigma_0.
        activation_gain_spread: Standard deviation of the gain of an activation, relative to 1.
        activation_offset_spread: Standard deviation of the offset of an activation, in drive units.
        medium_noise: Standard deviation of the activation's output noise, relative to its full scale.
        dac_bits: Resolution of the drives; None is exact. Typical 7-8.
        adc_bits: Resolution of activations and array outputs; None is exact. Typical 8-9.
        drive_range: The DAC covers -drive_range..drive_range, in drive units.
        array_range: The ADC of a hidden array covers -array_range..array_range, in units of z.
        readout_range: The same for the readout.

    Raises:
        ValueError: If a value lies outside its range.
    """

    weight_bound: float = 4.0
    readout_bound: float = 16.0
    write_noise: float = 0.3
    device_spread: float = 0.2
    stuck: float = 0.01
    read_noise: float = 0.01
    activation_gain_spread: float = 0.1
    activation_offset_spread: float = 0.1
    medium_noise: float = 0.01
    dac_bits: int | None = 8
    adc_bits: int | None = 8
    drive_range: float = 6.0
    array_range: float = 4.0
    readout_range: float = 16.0

    def __post_init__(self) -> None:
        for name in ("weight_bound", "readout_bound", "drive_range", "array_range", "readout_range"):
            if not getattr(self, name) > 0:
                raise ValueError(f"memristive {name} must be > 0, got {getattr(self, name)}")
        for name in ("write_noise", "device_spread", "read_noise", "activation_gain_spread",
                     "activation_offset_spread", "medium_noise"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"memristive {name} must be >= 0, got {getattr(self, name)}")
        for name in ("dac_bits", "adc_bits"):
            check_bits(f"memristive {name}", getattr(self, name))
        if not 0 <= self.stuck <= 1:
            raise ValueError(f"memristive stuck is a share of devices and must be in 0..1, got {self.stuck}")


class ActivationMedium(Medium):
    """Saturating analog activations, one per drive, read by an ADC.

    h_i = ADC(tanh(a_i DAC(drive_i) + b_i) + noise); gain a_i and offset b_i are drawn at fabrication.
    """

    gain: Tensor
    offset: Tensor

    def __init__(self, features: int, config: MemristiveConfig, streams: Streams) -> None:
        super().__init__(features, features)
        self._streams = streams
        self._noise = config.medium_noise
        self._dac = Converter(config.dac_bits, -config.drive_range, config.drive_range)
        self._adc = FragileConverter(config.adc_bits, -1.0, 1.0)
        like = torch.zeros(features)
        gain = 1.0 + config.activation_gain_spread * streams.normal(FABRICATION, like)
        self.register_buffer("gain", gain)
        self.register_buffer("offset", config.activation_offset_spread * streams.normal(FABRICATION, like))

    def measure(self, drive: Tensor, read: Read = Read.NOISY) -> Tensor:
        if read is Read.IDEAL:
            return torch.tanh(drive)
        h = torch.addcmul(self.offset, self._dac(drive), self.gain).tanh_()
        if read is Read.NOISY and self._noise:
            h.add_(self._streams.normal(READ, h), alpha=self._noise)
        converted: Tensor = self._adc(h)
        return converted

    def faults(self) -> Mapping[str, Callable[[float], None]]:
        return {"adc-bits": self._adc.limit}


class Crossbar(Array):
    """Differential crossbar: each weight is the difference of two bounded conductances.

    Conductances are normalised to 0..1 and W = w_max (G+ - G-) with w_max = bound sigma_0. A write of dW asks
    half of it from each device, dG = dW / (2 w_max); what comes is dG (d + e), with d the device's own step size
    drawn at fabrication and e drawn at each write, clipped to 0..1. Stuck devices ignore writes. A read adds
    conductance noise to every pair, which in the sum over a row is one normal draw of standard deviation
    read_noise sigma_0 |h|.
    """

    plus: Tensor
    minus: Tensor
    difference: Tensor
    step_plus: Tensor
    step_minus: Tensor

    def __init__(self, in_features: int, out_features: int, config: MemristiveConfig, meter: Meter,
                 streams: Streams, readout: bool = False) -> None:
        super().__init__(in_features, out_features, meter)
        self._streams = streams
        self._config = config
        sigma = in_features**-0.5
        self.scale = sigma * (config.readout_bound if readout else config.weight_bound)
        self._read_noise = config.read_noise * sigma
        span = config.readout_range if readout else config.array_range
        self._adc = FragileConverter(config.adc_bits, -span, span)
        weight = torch.zeros(out_features, in_features)
        if not readout:
            weight = (sigma / self.scale) * streams.normal(FABRICATION, weight)
        for sign, name in ((0.5, "plus"), (-0.5, "minus")):
            self._fabricate(name, (0.5 + sign * weight).clamp_(0, 1))
        self.register_buffer("difference", torch.zeros(out_features, in_features))
        self._settle()

    def _fabricate(self, name: str, conductance: Tensor) -> None:
        config, streams = self._config, self._streams
        stuck = streams.uniform(FABRICATION, conductance) < config.stuck
        stuck_at = streams.uniform(FABRICATION, conductance)
        step = (1.0 + config.device_spread * streams.normal(FABRICATION, conductance)).clamp_(min=0)
        self.register_buffer(name, torch.where(stuck, stuck_at, conductance))
        self.register_buffer(f"step_{name}", step.masked_fill_(stuck, 0.0))

    def _settle(self) -> None:
        self.difference.copy_(self.plus - self.minus).mul_(self.scale)

    def measure(self, h: Tensor, read: Read = Read.NOISY) -> Tensor:
        z = h @ self.difference.T
        if read is Read.IDEAL:
            return z
        if read is Read.NOISY and self._read_noise:
            size = torch.linalg.vector_norm(h, dim=1, keepdim=True)
            z.addcmul_(self._streams.normal(READ, z), size, value=self._read_noise)
        converted: Tensor = self._adc(z)
        return converted

    @property
    def devices(self) -> int:
        return 2 * super().devices

    def program(self, delta: Tensor) -> None:
        half = delta / (2 * self.scale)
        noise = self._config.write_noise
        for conductance, step, sign in ((self.plus, self.step_plus, 1.0), (self.minus, self.step_minus, -1.0)):
            size = step
            if noise:
                size = step + noise * (step > 0) * self._streams.normal(WRITE, step)
            conductance.addcmul_(half, size, value=sign).clamp_(0, 1)
        self._settle()
        self.record(delta != 0)

    def weights(self) -> Tensor:
        return self.difference

    def faults(self) -> Mapping[str, Callable[[float], None]]:
        return {"stuck": self._stick, "adc-bits": self._adc.limit}

    def _stick(self, share: float) -> None:
        """That share of all devices gets stuck at a random conductance, each of the two of a pair by itself."""
        for conductance, step in ((self.plus, self.step_plus), (self.minus, self.step_minus)):
            hit = self._streams.uniform(FAULT, conductance) < share
            conductance.copy_(torch.where(hit, self._streams.uniform(FAULT, conductance), conductance))
            step.masked_fill_(hit, 0.0)
        self._settle()


class Memristive(Substrate):
    """Memristor crossbars with analog activations."""

    name = "memristive"
    Config = MemristiveConfig
    input_gain = 0.5  # a saturated activation hides the ends of an input's range
    drive_gain = 1.5
    drive_offset = 1.0

    def make_medium(self, in_features: int, out_features: int) -> Medium:
        return ActivationMedium(in_features, self.config, self.streams)

    def make_array(self, in_features: int, out_features: int, *, readout: bool = False) -> Array:
        return Crossbar(in_features, out_features, self.config, self.meter, self.streams, readout)
