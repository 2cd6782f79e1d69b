"""Lines to groups of units: commands go in order, drives come from the group in front, outputs go to the one behind."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable

from torch import Tensor

from pib_rl.agents.split.message import Message
from pib_rl.agents.split.segment import Segment
from pib_rl.agents.split.worklist import DRIVE, SLOPE, Worklist


class Line(ABC):
    """A line to one group.

    Attributes:
        units: Numbers of its units, from 0.
        neighbours: The lines in front and behind, which get what this group hands on; set by who puts them in series.
        arrived: Notified whenever something came.
    """

    def __init__(self, units: range, arrived: threading.Condition) -> None:
        self.units = units
        self.arrived = arrived
        self.neighbours: dict[str, Callable[[str, int, Tensor], None]] = {}
        self._came: dict[tuple[str, int], Message] = {}
        self._unwanted: set[int] = set()
        self._passed = -1

    @abstractmethod
    def submit(self, command: Message) -> None:
        """Gives a command; it is done after those before it. Comes back at once."""

    @abstractmethod
    def feed(self, name: str, token: int, value: Tensor) -> None:
        """Gives what another group hands on for a pass, shape (*chips, n, features); any thread may."""

    def work(self) -> bool:
        """Does here what there is to do; whether there was anything."""
        return False

    def lost(self) -> str:
        """Why nothing will come any more; empty while something may."""
        return ""

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
        """Takes what comes of a command, and hands on what is for another group; any thread may."""
        token = message.about["token"]
        for name in (DRIVE, SLOPE):
            value = message.tensors.pop(name, None)
            if value is not None and name in self.neighbours:
                self.neighbours[name](name, token, value)
        if message.kind == "handed":
            return
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
        self._list = Worklist()
        self._busy = False

    def submit(self, command: Message) -> None:
        self._list.add(command)
        self.work()

    def feed(self, name: str, token: int, value: Tensor) -> None:
        with self.arrived:
            self._list.give(name, token, value)
            self.arrived.notify_all()

    def work(self) -> bool:
        if self._busy:  # a command of a unit in front gave drives
            return False
        self._busy, some = True, False
        try:
            while (work := self._next()) is not None:
                message = self.segment.run(*work)
                some = True
                if message is not None:
                    self.deliver(message)
        finally:
            self._busy = False
        return some

    def _next(self) -> tuple[Message, Tensor | None] | None:
        """What to do next; other threads may give something meanwhile."""
        with self.arrived:
            return self._list.next()
