"""Crossbars of published devices, programmed by pulses."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pib_rl.common.streams import DRIFT, FABRICATION, FAULT, WRITE, Streams
from pib_rl.physical.memristive.config import MemristiveConfig
from pib_rl.physical.memristive.crossbar import Crossbar
from pib_rl.physical.memristive.devices import REST, Device
from pib_rl.physical.memristive.programming import Programming
from pib_rl.physical.memristive.step_laws import LinearStep, Population
from pib_rl.physical.meter import Meter
from pib_rl.physical.part import Faults, Size
from pib_rl.physical.struck import struck

FULL, FILLED = 0.75, 0.25  # of the range: a one-sided pair is rewritten when one device is beyond, the other too
REWRITE = 1000  # pulses at most, to write a reset device; all published ones need fewer


class PulsedCrossbar(Crossbar):
    """One device and a fixed reference per weight, or two one-sided devices whose difference counts.

    What a device holds moves by pulses under its step law (`pib_rl.physical.memristive.devices`), each with its own
    drawn range, steps and asymmetry; what a read sees is that plus write noise, drawn at every write. Which
    pulses are sent, the programming decides (`pib_rl.physical.memristive.programming`). Stuck devices take
    pulses and do not move.

    Conductances are in units of the span of the mean device, high - low, or high of a one-sided one. A two-sided device
    with the weight w has (w - low)/span, with the lowest weight that was drawn for it, so that none is ever below 0,
    whatever the write noise; its reference stands where the weight counts from. Of a one-sided pair, G = w/span each. A
    device whose range was drawn larger than the mean one reaches further than 1: published spreads are normal, of up to
    60 % of an end of the range.

    Args:
        device: What the crossbar is made of.
        programming: How it is programmed.
    """

    memory: Tensor | None
    silence: Tensor | None
    up: Tensor
    down: Tensor
    low: Tensor
    high: Tensor

    def __init__(
        self,
        in_features: int,
        out_features: int,
        config: MemristiveConfig,
        device: Device,
        programming: Programming,
        meter: Meter,
        streams: Streams,
        readout: bool = False,
    ) -> None:
        super().__init__(in_features, out_features, config, meter, streams, readout, device.max_conductance_us)
        self.device = device
        self.programming = programming
        self.endurance = device.endurance
        self._together = device.together
        self._span = device.high if device.one_sided else device.high - device.low
        if not device.one_sided:  # a weight of 1 is the bound; G+ - G- of the whole range stands for high - low
            self.scale *= self._span
        wanted = streams.zeros(out_features, in_features)
        if not readout:
            wanted = streams.normal(FABRICATION, wanted) * (self.sigma / self.weight_unit)
        self._fabricate(wanted)
        self.register_buffer("memory", programming.memory(wanted))
        self.register_buffer("silence", programming.silence(wanted))
        self.settle()

    @property
    def weight_unit(self) -> float:
        """Weight of the array per unit of the device's normalised weight."""
        return float(self.scale / self._span)

    @property
    def devices(self) -> int:
        return self.held.shape[-3] * self.weights_held

    @property
    def population(self) -> Population:
        """What was drawn for each device."""
        return Population(*(getattr(self, name) for name in Population._fields))

    def _fabricate(self, wanted: Tensor) -> None:
        device, streams = self.device, self._streams
        like = torch.cat([wanted.unsqueeze(-3)] * (2 if device.one_sided else 1), -3)

        def draw() -> Tensor:
            return streams.normal(FABRICATION, like)

        spread = device.step_spread * draw()
        gain = spread.exp() if device.log_normal else 1 + spread
        tilt = device.asymmetry_spread * draw()
        high = (device.high * (1 + device.high_spread * draw())).abs()
        low = -(device.low * (1 + device.low_spread * draw())).abs()
        up = device.step * (min(device.asymmetry, 0.0) + gain + tilt).abs()
        down = device.step * (-max(device.asymmetry, 0.0) + gain - tilt).abs()
        law = device.law if isinstance(device.law, LinearStep) else LinearStep()
        bends = [(bend + law.bend_spread * draw()).abs() for bend in (law.bend_up, law.bend_down)]
        centre = (up - down) / (up / high - down / low) if device.centred else torch.zeros_like(high)
        for name, value in zip(Population._fields, (high, low, up, down, *bends), strict=True):
            self.register_buffer(name, value)
        self.reference = nn.Buffer(centre)
        start = self._halves(wanted) + centre
        self.held = nn.Buffer(torch.minimum(torch.maximum(start, low), high))
        self._stick(streams.uniform(FABRICATION, like) < self._config.stuck, streams.uniform(FABRICATION, like))
        noise = device.write_noise * device.step
        self.seen = nn.Buffer(torch.maximum(self.held + noise * draw(), low) if noise else self.held.clone())
        self.wear = nn.Buffer(torch.zeros_like(self.held))
        if device.drift is not None:
            self.exponent = nn.Buffer((device.drift + device.drift_spread * streams.normal(DRIFT, like)).abs())
            self.age_s = nn.Buffer(torch.zeros_like(self.held))

    def _halves(self, weight: Tensor) -> Tensor:
        """What the devices of each weight hold ideally, shape (*chips, 1 or 2, out, in)."""
        if not self.device.one_sided:
            return weight.unsqueeze(-3)
        rest = REST * self.device.high
        more = (weight.abs() / 2 - rest).clamp(min=0)
        return torch.stack([weight, -weight], -3) / 2 + rest + more.unsqueeze(-3)

    def _stick(self, stuck: Tensor, fraction: Tensor) -> None:
        """Devices where ``stuck`` stay for ever at that ``fraction`` of their range."""
        at = self.low + fraction * (self.high - self.low)
        self.held.copy_(at.where(stuck, self.held))
        for values in (self.up, self.down):
            values.masked_fill_(stuck, 0)

    def weight(self) -> Tensor:
        """Weights as a read sees them, in units of the device's weight, shape (out_features, in_features)."""
        return self._difference(self.seen - self.reference)

    def _difference(self, values: Tensor) -> Tensor:
        """What devices make of a weight, shape (*chips, out, in), from a value of each, (*chips, 1 or 2, out, in)."""
        first, *second = values.unbind(-3)
        return first - second[0] if second else first

    def verify(self, which: Tensor) -> Tensor:
        """Reads the weights that ``which`` marks, one after the other, and meters that; noise is averaged away.

        Energy: V^2 (G+ + G-) t of the devices of each weight at full input, V = read_voltage_v, t = read_time_s, as a
        read of the array has it; and one conversion adc_energy_j per weight.

        Returns all weights as a read sees them, in units of the device's weight, shape (out_features, in_features).
        """
        config = self._config
        if self.meter.running:
            cost = self.conductances().sum(-3) * which
            energy = config.read_voltage_v**2 * self._siemens * config.read_time_s
            self.meter.spend(
                {
                    "array": self._each_chip(cost) * energy,
                    "converters": self._each_chip(which) * config.adc_energy_j,
                }
            )
        return self.weight()

    def _each_chip(self, values: Tensor) -> Tensor:
        """Sums, shape (*chips)."""
        return values.flatten(len(self._streams.chips)).sum(-1, dtype=torch.float64)

    def conductances(self) -> Tensor:
        if self.device.one_sided:
            return self.seen / self._span
        return torch.cat([self.seen - self.low, self.reference - self.low], -3) / self._span

    def settings(self) -> tuple[str, Tensor]:
        """Conductances of the devices alone: a reference is fabricated, and not set."""
        name, values = super().settings()
        return name, values[..., : self.held.shape[-3], :, :]

    def _take(self, changed: Tensor, conductances: Tensor) -> None:
        start = 0.0 if self.device.one_sided else self.low
        state = conductances * self._span + start
        state = torch.minimum(torch.maximum(state, self.low), self.high)
        self.held.copy_(state.where(changed, self.held))
        self.seen.copy_(state.where(changed, self.seen))

    def program(self, delta: Tensor) -> None:
        self.programming.program(self, delta / self.weight_unit)
        self.settle()

    def shift(self, wanted: Tensor) -> None:
        """Moves weights exactly, as far as ranges and stuck devices let them: one write per device asked to move."""
        asked = (wanted != 0).unsqueeze(-3).expand_as(self.held)
        now = self._difference(self.held - self.reference)
        goal = torch.minimum(torch.maximum(self._halves(now + wanted) + self.reference, self.low), self.high)
        self.held.copy_(goal.where(asked & (self.up > 0), self.held))
        self._written(asked.flatten().nonzero()[:, 0])
        self._count(asked.float())

    def pulse(self, pulses: Tensor) -> None:
        """Sends trains of pulses to weights.

        Args:
            pulses: Whole numbers, positive upwards, shape (*chips, out_features, in_features). Positive pulses of a
                one-sided pair go to its first device, the others to its second.
        """
        one_sided = self.device.one_sided
        pulses = torch.stack([pulses, -pulses], -3).clamp_(min=0) if one_sided else pulses.unsqueeze(-3)
        where = pulses.flatten().nonzero()[:, 0]
        self._train(where, pulses.flatten()[where])
        self._written(where)
        self._count(pulses.abs())
        if one_sided:
            self._rewrite_full()

    def _train(self, where: Tensor, pulses: Tensor) -> None:
        """So many pulses to the devices at flat indices ``where``, one after the other."""
        if not len(where):
            return
        left, up = pulses.abs(), pulses > 0
        held, devices = self.held.view(-1), self.population.at(where)
        state = held[where]
        for sent in range(0, int(left.max()), self._together):
            state = self._move(state, up, devices, (left - sent).clamp_(0, self._together))
        held[where] = state

    def _move(self, state: Tensor, up: Tensor, devices: Population, pulses: Tensor) -> Tensor:
        """States after so few pulses each that the step is the same in all of them; their noise adds in squares."""
        device = self.device
        step = device.law.step(state, up, devices)
        change = step * pulses
        if device.pulse_noise:
            size = step if device.noise == "relative" else devices.up.where(up, devices.down)
            if device.noise == "graded":
                size = step.abs() + device.noise_floor + device.noise_slope * state.abs()
                size = size * (devices.up > 0)
            draw = self._streams.normal(WRITE, step) * pulses.sqrt()
            change.addcmul_(size, draw, value=device.pulse_noise)
        return torch.minimum(torch.maximum(state + change, devices.low), devices.high)

    def _written(self, where: Tensor) -> None:
        """What a read sees of devices that were just written, at flat indices."""
        noise = self.device.write_noise * self.device.step
        fresh = self.held.view(-1)[where]
        if noise:
            fresh = fresh + noise * self._streams.normal(WRITE, fresh) * (self.up.view(-1)[where] > 0)
            fresh = torch.maximum(fresh, self.low.view(-1)[where])  # no conductance is below 0
        self.seen.view(-1)[where] = fresh
        if self.device.drift is not None:
            self.age_s.view(-1)[where] = 0.0

    def _rewrite_full(self) -> None:
        """Resets one-sided pairs that are full and writes their difference again, around `REST`."""
        larger, smaller = self.held.amax(-3), self.held.amin(-3)
        full = (larger > FULL * self.device.high) & (smaller > FILLED * self.device.high) & (self.up > 0).all(-3)
        if not full.any():
            return
        goal = self._halves(self._difference(self.held))
        pair = full.unsqueeze(-3).expand_as(self.held)
        where = pair.flatten().nonzero()[:, 0]
        goal = goal.flatten()[where]
        devices = self.population.at(where)
        state, sent = torch.zeros_like(goal), torch.ones_like(goal)  # the reset is a pulse too
        up = torch.ones_like(goal, dtype=torch.bool)
        for _ in range(REWRITE):
            short = state + self.device.law.step(state, up, devices) / 2 < goal
            if not short.any():
                break
            state = self._move(state, up, devices, short.to(state.dtype))
            sent += short
        self.held.view(-1)[where] = state
        self._written(where)
        pulses = torch.zeros_like(self.held)
        pulses.view(-1)[where] = sent
        self._count(pulses)

    def _count(self, pulses: Tensor) -> None:
        self.record(pulses, self.device.pulse_energy_j)

    def age(self, seconds: Size) -> None:
        """Conductances drift and charge leaks: G(t) = G (1 + t/t0)^-nu with t since the device was written last."""
        device = self.device
        seconds = self._streams.spread(seconds, self.held)
        if device.retention_time_s is not None:
            keep = torch.exp(torch.as_tensor(-seconds / device.retention_time_s, dtype=torch.float32))
            for values in (self.held, self.seen):
                values.mul_(keep)
        if device.drift is not None:
            start = device.drift_start_s
            ratio = (self.age_s + start) / (self.age_s + seconds + start)
            fall = ratio.pow(self.exponent)
            for values in (self.held, self.seen):
                values.mul_(fall)
            self.age_s.add_(seconds)
        self.settle()

    def faults(self) -> Faults:
        ageing = self.device.drift is not None or self.device.retention_time_s is not None
        return {**super().faults(), "stuck": self.stick, **({"drift": self.age} if ageing else {})}

    def stick(self, fraction: Size) -> None:
        """Sticks a fraction 0..1 of all devices at a uniform draw from their range."""
        stuck = struck("stuck", fraction, self.held, self._streams)
        self._stick(stuck, self._streams.uniform(FAULT, self.held))
        self.seen.copy_(self.held.where(stuck, self.seen))
        self.settle()
