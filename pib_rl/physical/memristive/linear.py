"""Crossbars of linear devices: every write does what it is asked to, but for its noise."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pib_rl.common.streams import DRIFT, FABRICATION, FAULT, WRITE, Streams
from pib_rl.physical.memristive.config import MemristiveConfig
from pib_rl.physical.memristive.crossbar import Crossbar
from pib_rl.physical.meter import Meter
from pib_rl.physical.part import Faults, Size, restore_after_loading
from pib_rl.physical.struck import struck


class LinearCrossbar(Crossbar):
    """Two linear devices per weight.

    A write of dW asks half of it from each device, dG = dW / (2 w_max); what comes is dG (d + e), with d the device's
    own step size drawn at fabrication and e drawn at each write, clipped to 0..1. Stuck devices ignore writes.

    With time both conductances drift, G(t) = G (1 + t/t0)^-nu, nu drawn per device, t the time since fabrication:
    writes do not set the clock back.

    Attributes:
        pair: Conductances of both devices, G+ and G-, shape (*chips, 2, out_features, in_features), 0..1.
        step: Their step sizes d, relative to the mean, same shape; 0 where a device is stuck.
        exponents: Their nu, same shape.
        age_s: Seconds since fabrication, shape (*chips).
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        config: MemristiveConfig,
        meter: Meter,
        streams: Streams,
        readout: bool = False,
    ) -> None:
        super().__init__(in_features, out_features, config, meter, streams, readout, config.max_conductance_us)
        weight = streams.zeros(out_features, in_features)
        if not readout:
            weight = (self.sigma / self.scale) * streams.normal(FABRICATION, weight)
        drawn = [self._fabricate((0.5 + sign * weight).clamp_(0, 1)) for sign in (0.5, -0.5)]
        pair, step = (torch.stack(both, -3) for both in zip(*drawn, strict=True))
        self.pair, self.step = nn.Buffer(pair), nn.Buffer(step)
        self.exponents = nn.Buffer((config.drift + config.drift_spread * streams.normal(DRIFT, pair)).abs_())
        self.age_s = nn.Buffer(streams.zeros())
        self._signs = nn.Buffer(
            torch.tensor([1.0, -1.0], dtype=torch.float32).view(2, 1, 1) / (2 * self.scale), persistent=False
        )
        self._noise = nn.Buffer(torch.zeros_like(step), persistent=False)
        restore_after_loading(self)
        self.restore()
        self.settle()

    def _fabricate(self, conductance: Tensor) -> tuple[Tensor, Tensor]:
        """One device of every pair: conductances, stuck ones too, and step sizes."""
        config, streams = self._config, self._streams
        stuck = streams.uniform(FABRICATION, conductance) < config.stuck
        stuck_at = streams.uniform(FABRICATION, conductance)
        step = (1.0 + config.device_spread * streams.normal(FABRICATION, conductance)).clamp_(min=0)
        return torch.where(stuck, stuck_at, conductance), step.masked_fill_(stuck, 0.0)

    def restore(self) -> None:
        """Takes over what the buffers say, they may have been loaded: writes are noisy where a device moves."""
        torch.gt(self.step, 0, out=self._noise).mul_(self._config.write_noise)

    def conductances(self) -> Tensor:
        return self.pair

    def _take(self, changed: Tensor, conductances: Tensor) -> None:
        self.pair.copy_(torch.where(changed, conductances.clamp(0, 1), self.pair))

    def program(self, delta: Tensor) -> None:
        size: Tensor = self.step
        if self._config.write_noise:
            size = torch.addcmul(size, self._noise, self._streams.normal(WRITE, size))
        self.pair.addcmul_(delta.unsqueeze(-3) * self._signs, size).clamp_(0, 1)
        self.settle()
        self.record(delta != 0, self._config.write_energy_j)

    def age(self, seconds: Size) -> None:
        start, seconds = self._config.drift_start_s, self._streams.spread(seconds, self.age_s)
        ratio = (self.age_s + start) / (self.age_s + seconds + start)
        self.pair.mul_(torch.pow(self._streams.spread(ratio, self.pair), self.exponents))
        self.age_s.add_(seconds)
        self.settle()

    def faults(self) -> Faults:
        return {**super().faults(), "stuck": self.stick, "drift": self.age}

    def stick(self, fraction: Size) -> None:
        """Sticks a fraction 0..1 of all devices at a random conductance, each of the two of a pair by itself."""
        hit = struck("stuck", fraction, self.pair, self._streams)
        self.pair.copy_(torch.where(hit, self._streams.uniform(FAULT, self.pair), self.pair))
        self.step.masked_fill_(hit, 0.0)
        self.restore()
        self.settle()
