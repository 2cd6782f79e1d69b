"""Crossbars of linear devices: every write does what it is asked to, but for its noise."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pib_rl.common.streams import DRIFT, FABRICATION, FAULT, WRITE, Streams
from pib_rl.physical.faults import struck
from pib_rl.physical.memristive.config import MemristiveConfig
from pib_rl.physical.memristive.crossbar import Crossbar
from pib_rl.physical.meter import Meter
from pib_rl.physical.part import Faults


class LinearCrossbar(Crossbar):
    """Two linear devices per weight.

    A write of dW asks half of it from each device, dG = dW / (2 w_max); what comes is dG (d + e), with d the device's
    own step size drawn at fabrication and e drawn at each write, clipped to 0..1. Stuck devices ignore writes.

    With time both conductances drift, G(t) = G (1 + t/t0)^-nu, nu drawn per device, t the time since fabrication:
    writes do not set the clock back.
    """

    plus: Tensor
    minus: Tensor
    step_plus: Tensor
    step_minus: Tensor

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
        weight = torch.zeros(out_features, in_features)
        if not readout:
            weight = (self.sigma / self.scale) * streams.normal(FABRICATION, weight)
        for sign, name in ((0.5, "plus"), (-0.5, "minus")):
            self._fabricate(name, (0.5 + sign * weight).clamp_(0, 1))
        like = self.plus.expand(2, -1, -1)
        self.exponents = nn.Buffer((config.drift + config.drift_spread * streams.normal(DRIFT, like)).abs_())
        self.age_s = nn.Buffer(torch.zeros(()))
        self.settle()

    def _fabricate(self, name: str, conductance: Tensor) -> None:
        config, streams = self._config, self._streams
        stuck = streams.uniform(FABRICATION, conductance) < config.stuck
        stuck_at = streams.uniform(FABRICATION, conductance)
        step = (1.0 + config.device_spread * streams.normal(FABRICATION, conductance)).clamp_(min=0)
        self.register_buffer(name, torch.where(stuck, stuck_at, conductance))
        self.register_buffer(f"step_{name}", step.masked_fill_(stuck, 0.0))

    def conductances(self) -> tuple[Tensor, Tensor]:
        return self.plus, self.minus

    def program(self, delta: Tensor) -> None:
        half = delta / (2 * self.scale)
        noise = self._config.write_noise
        for conductance, step, sign in ((self.plus, self.step_plus, 1.0), (self.minus, self.step_minus, -1.0)):
            size = step + noise * (step > 0) * self._streams.normal(WRITE, step) if noise else step
            conductance.addcmul_(half, size, value=sign).clamp_(0, 1)
        self.settle()
        asked = delta != 0
        self.record(asked)
        self.meter.spend({"programming": 2 * torch.count_nonzero(asked) * self._config.write_energy_j})

    def age(self, seconds: float) -> None:
        start = self._config.drift_start_s
        ratio = (self.age_s + start) / (self.age_s + seconds + start)
        for conductance, exponent in zip((self.plus, self.minus), self.exponents, strict=True):
            conductance.mul_(ratio.pow(exponent))
        self.age_s.add_(seconds)
        self.settle()

    def faults(self) -> Faults:
        return {**super().faults(), "stuck": self.stick, "drift": self.age}

    def stick(self, fraction: float) -> None:
        """Sticks a fraction 0..1 of all devices at a random conductance, each of the two of a pair by itself."""
        for conductance, step in ((self.plus, self.step_plus), (self.minus, self.step_minus)):
            hit = struck("stuck", fraction, conductance, self._streams)
            conductance.copy_(torch.where(hit, self._streams.uniform(FAULT, conductance), conductance))
            step.masked_fill_(hit, 0.0)
        self.settle()
