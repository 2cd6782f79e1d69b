"""Programming laws: which pulses turn a wanted change of weights into a change of devices."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Protocol

import torch
from torch import Tensor

from pib_rl.common.streams import WRITE, Streams
from pib_rl.physical.memristive.devices import Device

LONGEST = 31  # pulses of one train, as aihwkit's default


class PulsedArray(Protocol):
    """What a programming asks of the array that it programs; weights are in units of the device's weight."""

    device: Device
    memory: Tensor | None  # starts as `Programming.memory` says
    silence: Tensor | None  # starts as `Programming.silence` says

    def shift(self, wanted: Tensor) -> None:
        """Moves weights exactly, as far as their devices let them."""

    def pulse(self, pulses: Tensor) -> None:
        """Sends trains of pulses: whole numbers, positive upwards, shape (out_features, in_features)."""

    def verify(self, which: Tensor) -> Tensor:
        """Reads the weights that ``which`` marks, and returns all."""


class Programming(ABC):
    """Turns wanted changes into pulses.

    Args:
        streams: Named random streams.
        device: What is programmed. By its ``typical_step`` the controller believes that a pulse moves a weight.
    """

    name: ClassVar[str]

    def __init__(self, streams: Streams, device: Device) -> None:
        self.streams = streams
        self.step = device.typical_step

    def memory(self, weight: Tensor) -> Tensor | None:
        """What the controller remembers of each weight, at the start: a buffer of the array, shape of ``weight``."""
        return None

    def silence(self, weight: Tensor) -> Tensor | None:
        """How often in a row each weight did not answer, at the start: a buffer of the array, shape of ``weight``."""
        return None

    @abstractmethod
    def program(self, array: PulsedArray, wanted: Tensor) -> None:
        """Makes a change of weights.

        Args:
            array: What to program.
            wanted: Wanted change, shape (out_features, in_features), in units of the device's weight.
        """


class Ideal(Programming):
    """Every device moves exactly as asked, within its range: what closed-loop programming could reach at best."""

    name = "ideal"

    def program(self, array: PulsedArray, wanted: Tensor) -> None:
        array.shift(wanted)


class Pulsed(Programming):
    """Trains of pulses in proportion to the wanted change, rounded at random: nothing is remembered or read.

    n = floor(|dw|/step + u), u uniform in 0..1, at most `LONGEST`: on average what was asked for, had every device the
    believed step.

    Source: stochastic pulse trains of Gokmen & Vlasov, Front. Neurosci. 10:333 (2016), without their coincidences: one
    train per device, not one per line.
    """

    name = "pulsed"

    def program(self, array: PulsedArray, wanted: Tensor) -> None:
        trains = wanted.abs() / self.step
        trains = (trains + self.streams.uniform(WRITE, trains)).floor_().clamp_(max=LONGEST)
        array.pulse(trains * wanted.sign())


class Accumulate(Programming):
    """A digital accumulator per weight sends pulses when a full step is due, and keeps the rest.

    Source: mixed-precision training, Nandakumar et al., Front. Neurosci. 14:406 (2020).
    """

    name = "accumulate"

    def memory(self, weight: Tensor) -> Tensor:
        return torch.zeros_like(weight)

    def program(self, array: PulsedArray, wanted: Tensor) -> None:
        assert array.memory is not None
        due = array.memory.add_(wanted)
        pulses = (due / self.step).trunc_().clamp_(-LONGEST, LONGEST)
        due.sub_(pulses, alpha=self.step)
        array.pulse(pulses)


class WriteVerify(Programming):
    """A digital memory holds what each weight should be; weights that read off by more than a tolerance get pulses.

    Up to `ROUNDS` times: read, compare, send pulses where |error| > tolerance. The tolerance is half a step or half the
    write noise, whichever is larger: closer no pulse comes on purpose. Most of a small error may be write noise, which
    the next write draws again whatever the pulses, so that error/(step + write noise) pulses are sent, rounded, one at
    least. All weights are read in the first round, in the next ones those that just got pulses.

    A weight answers a round if its reading moved by `FRACTION` of the tolerance or more in the wanted direction. After
    `PATIENCE` rounds in a row without an answer it gets no more pulses: its device is stuck, or at the end of its
    range. When the wanted direction turns it gets one round more, and is back if it answers.

    Source: closed-loop programming, e.g. Joshi et al., Nat. Commun. 11:2473 (2020), methods. Giving up is ours.
    """

    name = "write-verify"
    ROUNDS = 5
    FRACTION = 0.1
    PATIENCE = 20

    def memory(self, weight: Tensor) -> Tensor:
        return weight.clone()

    def silence(self, weight: Tensor) -> Tensor:
        return torch.zeros_like(weight)

    def program(self, array: PulsedArray, wanted: Tensor) -> None:
        assert array.memory is not None
        device = array.device
        goal = array.memory.add_(wanted).clamp_(-device.high if device.one_sided else device.low, device.high)
        noise = device.write_noise * device.step
        tolerance = max(self.step, noise) / 2
        verified = torch.ones_like(goal, dtype=torch.bool)
        before: Tensor | None = None
        for _ in range(self.ROUNDS):
            error = goal - array.verify(verified)
            if before is not None:
                self._listen(array, verified, before, error, tolerance)
            verified = verified & (error.abs() > tolerance) & self._hopeful(array, error)
            if not verified.any():
                break
            pulses = (error / (self.step + noise)).round_()
            pulses = pulses.where(pulses != 0, error.sign()).clamp_(-LONGEST, LONGEST)
            array.pulse(pulses * verified)
            before = error

    def _hopeful(self, array: PulsedArray, error: Tensor) -> Tensor:
        """Which weights may get pulses: truth values, shape (out_features, in_features)."""
        assert array.silence is not None
        return (array.silence.abs() < self.PATIENCE) | (error * array.silence < 0)

    def _listen(self, array: PulsedArray, asked: Tensor, before: Tensor, error: Tensor, tolerance: float) -> None:
        """Counts rounds without an answer, of the weights that were asked; the sign is that of the wanted direction."""
        assert array.silence is not None
        direction = before.sign()
        answered = (before - error) * direction >= self.FRACTION * tolerance
        count = (array.silence.abs() + 1).clamp_(max=self.PATIENCE).masked_fill_(answered, 0)
        array.silence.copy_((count * direction).where(asked, array.silence))


PROGRAMMINGS: dict[str, type[Programming]] = {kind.name: kind for kind in (Ideal, Pulsed, Accumulate, WriteVerify)}
DEFAULT = "write-verify"
