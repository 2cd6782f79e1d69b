"""Lines to groups of units: commands go in order, drives come from the group in front, outputs go to the one behind."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable

from torch import Tensor

from pib_rl.agents.split.message import Message
from pib_rl.agents.split.segment import DRIVEN, Segment


class SiteLostError(RuntimeError):
    """A group is gone for good, or has failed."""


class Line(ABC):
    """A line to one group.

    Attributes:
        units: Numbers of its units, from 0.
        forward: Takes the drives that the group gives for a pass; set by who puts lines in series.
        arrived: Notified whenever something came.
    """

    def __init__(self, units: range, arrived: threading.Condition) -> None:
        self.units = units
        self.arrived = arrived
        self.forward: Callable[[int, Tensor], None] = lambda token, drive: None
        self._came: dict[tuple[str, int], Message] = {}
        self._unwanted: set[int] = set()
        self._passed = -1

    @abstractmethod
    def submit(self, command: Message) -> None:
        """Gives a command; it is done after those before it. Comes back at once."""

    @abstractmethod
    def feed(self, token: int, drive: Tensor) -> None:
        """Gives the drives for the pass ``token``, shape (*chips, n, features); any thread may."""

    def work(self) -> bool:
        """Does here what there is to do; whether there was anything."""
        return False

    @abstractmethod
    def check(self) -> None:
        """Raises `SiteLostError` if nothing will come any more."""

    def pop(self, kind: str, token: int) -> Message | None:
        """What came of a command, if it did already."""
        with self.arrived:
            return self._came.pop((kind, token), None)

    def passed(self, token: int) -> bool:
        """Whether a pass is through here."""
        return token <= self._passed

    def drop(self, token: int) -> None:
        """Nobody will pop what comes of a pass."""
        with self.arrived:
            if self._came.pop(("output", token), None) is None and not self.passed(token):
                self._unwanted.add(token)

    def deliver(self, message: Message) -> None:
        """Takes what comes of a command, and hands on drives; any thread may."""
        drive = message.tensors.pop("drive", None)
        token = message.about["token"]
        if drive is not None:
            self.forward(token, drive)
        with self.arrived:
            if message.kind == "output":
                self._passed = token
            if message.kind != "output" or token not in self._unwanted:
                self._came[message.kind, token] = message
            self._unwanted.discard(token)
            self.arrived.notify_all()


class LocalLine(Line):
    """To units in this very process; they work when somebody waits, or gives a command."""

    def __init__(self, segment: Segment, units: range, arrived: threading.Condition) -> None:
        super().__init__(units, arrived)
        self.segment = segment
        self._commands: deque[Message] = deque()
        self._drives: dict[int, Tensor] = {}
        self._busy = False

    def submit(self, command: Message) -> None:
        self._commands.append(command)
        self.work()

    def feed(self, token: int, drive: Tensor) -> None:
        with self.arrived:
            self._drives[token] = drive
            self.arrived.notify_all()

    def check(self) -> None:
        """It is here."""

    def work(self) -> bool:
        if self._busy:  # a command of a unit in front gave drives
            return False
        self._busy, some = True, False
        try:
            while self._commands and (command := self._commands[0]):
                driven = command.kind in DRIVEN
                if driven and command.about["token"] not in self._drives:
                    break
                self._commands.popleft()
                drive = self._drives.pop(command.about["token"]) if driven else None
                message = self.segment.run(command, drive)
                some = True
                if message is not None:
                    self.deliver(message)
        finally:
            self._busy = False
        return some
