"""One channel of a remote instrument: what a medium or an array asks of it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pib_rl.physical.remote.config import RemoteConfig
from pib_rl.physical.remote.instrument import InstrumentError, Link, link_to
from pib_rl.physical.remote.scpi import check_error, numbers, written
from pib_rl.physical.substrate import Read


class Channel:
    """A medium or an array of an instrument, by its number.

    It holds no session, so that networks can be copied and saved: it looks the link up each time.

    Args:
        config: How to talk with the instrument.
        number: Number of the channel.
        kind: MED or ARR.
        inputs: Numbers that go in per sample.
        outputs: Numbers that come out per sample.
    """

    def __init__(self, config: RemoteConfig, number: int, kind: str, inputs: int, outputs: int) -> None:
        self.config, self.number, self.kind = config, number, kind
        self.inputs, self.outputs = inputs, outputs
        if kind == "MED":
            self._question, self._unit, self._limit = config.read_medium, config.full_scale, config.medium_limit
        else:
            self._question, self._unit, self._limit = config.read_array, config.output_unit, config.output_limit

    @property
    def link(self) -> Link:
        """The session with the instrument."""
        return link_to(self.config.resource, self.config.library)

    def measure(self, inputs: Tensor, read: Read, restore: Callable[[], None] = lambda: None) -> Tensor:
        """Drives the channel with a batch and reads it; again if the line fails.

        Args:
            inputs: Shape (n, inputs), in the instrument's units.
            read: Read mode. Real noise cannot be switched off: all modes but ``noisy`` average some readings.
            restore: Writes all weights, where the chip may not hold them.

        Returns:
            Shape (n, outputs), in full scales of a medium, in units of z of an array.

        Raises:
            InstrumentError: If the line fails every time, or the instrument refuses or answers what cannot be.
        """
        if not len(inputs):
            return inputs.new_zeros(0, self.outputs)
        readings = 1 if read is Read.NOISY else self.config.repeats
        parts = torch.split(inputs.detach().cpu(), self.config.chunk)

        def dialogue() -> Tensor:
            self._claim(restore)
            return torch.cat([self._portion(part, readings) for part in parts])

        return (self.link.exchange(dialogue, self.config.retries) / self._unit).to(inputs)

    def program(self, rows: Tensor, weights: Tensor, restore: Callable[[], None]) -> bool:
        """Writes those ``rows``, or all if the chip may not hold the others; never twice. Returns whether only those.

        Args:
            rows: Numbers of rows, shape (k,).
            weights: All weights, shape (outputs, inputs), in the instrument's units.
            restore: Writes all weights.

        Raises:
            InstrumentError: If the line fails or the instrument refuses.
        """

        def dialogue() -> bool:
            held = not self._claim(restore)
            if held:
                self.write(rows, weights)
            self._check()
            return held

        return self.link.exchange(dialogue)

    def write(self, rows: Tensor, weights: Tensor) -> None:
        """Sends rows of weights, one message each."""
        for row in rows.tolist():
            self._tell(self.config.write, row=row, values=self._text(weights[row]))

    def release(self) -> None:
        """What the chip holds is not what it should: the next use writes everything."""
        if self.link.holders.get(self.number) is self:
            del self.link.holders[self.number]

    def _claim(self, restore: Callable[[], None]) -> bool:
        """Opens the session and sets the channel up, unless both are done; returns whether that was needed."""
        config, link = self.config, self.link
        if link.open(config.terminator, config.timeout_s, config.baud_rate):
            self._greet()
        if link.holders.get(self.number) is self:
            return False
        if config.configure is not None:
            self._tell(config.configure, kind=self.kind, inputs=self.inputs, outputs=self.outputs)
        restore()
        link.holders[self.number] = self
        return True

    def _greet(self) -> None:
        if self.config.identify is not None:
            identity = self.link.ask(self.config.identify)
            if self.config.expect not in identity:
                raise InstrumentError(
                    f"instrument {self.link.resource} is {identity[:60]!r}, expected one with "
                    f"{self.config.expect!r} in its name"
                )
        if self.config.clear is not None:
            self.link.tell(self.config.clear)

    def _portion(self, inputs: Tensor, readings: int) -> Tensor:
        """Mean of some readings of a few samples, shape (n, outputs), in the instrument's units, float64."""
        self._tell(self.config.drive, values=self._text(inputs))
        replies = [self.link.ask(self._question.format(channel=self.number)) for _ in range(readings)]
        self._check()  # first, for it explains replies that are none
        total = torch.zeros(len(inputs), self.outputs, dtype=torch.float64)
        for reply in replies:
            limit = self._limit * self._unit
            total += numbers(reply, self.config.separator, len(inputs), self.outputs, limit, self._name)
        return total / readings

    def _check(self) -> None:
        """Sends what waits and makes sure that the instrument has no complaint."""
        if self.config.error is None:
            self.link.flush()
        else:
            check_error(self.link.ask(self.config.error), self._name)

    def _tell(self, template: str, **fields: object) -> None:
        self.link.tell(template.format(channel=self.number, **fields))

    def _text(self, values: Tensor) -> str:
        return written(values, self.config.number, self.config.separator)

    @property
    def _name(self) -> str:
        return f"instrument {self.link.resource}, channel {self.number} ({self.kind} {self.inputs} to {self.outputs}),"
