"""The line to one site: what it was told, what it still owes, and what is known of it."""

from __future__ import annotations

import secrets
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

from torch import Tensor

from pib_rl.agents.split.lines import Line
from pib_rl.agents.split.message import Message
from pib_rl.sites.session import LinkSession
from pib_rl.sites.wire import WireError

ANSWERS = {
    "measure": "output",
    "calibrate": "output",
    "finish": "report",
    "report": "report",
    "state": "state",
    "fetch": "fetched",
    "spoiled": "spoiled",
}  # what comes of a command
HANDED = "handed"  # what comes of a backward pass, if there is a group in front
SILENT_S = 3.0  # without a sign of life: a site counts as away


class Sender(Protocol):
    """What a line sends by."""

    patience_s: float

    def pack(self, message: Message) -> bytes:
        """A message as bytes."""

    def post(self, line: SiteLine, payload: bytes) -> None:
        """Sends a message to a site, now or when it is there again; any thread may."""


@dataclass
class SiteTraffic:
    """What is known of a site.

    Args:
        seen: Seconds of the clock at which something came last.
        bytes_out, bytes_in: Payloads to it and from it; what is sent again counts again.
        updates: Steps of learning that its units have made.
        lost: Steps that were lost, since it was started again from an older state.
        lives: How often it was started.
        again: How often its connection came back.
        refused: Messages of it that were none, or that nobody had asked for.
        round_trips: Of the newest signs of life, in s.
    """

    seen: float = 0.0
    bytes_out: int = 0
    bytes_in: int = 0
    updates: int = 0
    lost: int = 0
    lives: int = 0
    again: int = 0
    refused: int = 0
    round_trips: deque[float] = field(default_factory=lambda: deque(maxlen=10))

    @property
    def there(self) -> bool:
        """Whether it has joined, and gave a sign of life in the last seconds."""
        return self.lives > 0 and time.monotonic() - self.seen < SILENT_S

    @property
    def latency_s(self) -> float | None:
        """Half of the shortest round trip of late, in s; None before the first."""
        return min((0.5 * time for time in list(self.round_trips)), default=None)


class SiteLine(Line):
    """The line to one site.

    Args:
        name: Its name.
        units: Numbers of its units, from 0.
        arrived: Notified whenever something came.
        hub: Sends.
        setup: What it needs to know before anything else.

    Attributes:
        route: Where the socket finds it; empty before it has joined.
        peer: The life of the site's process, see `LinkSession`; 0 before it has joined.
    """

    def __init__(self, name: str, units: range, arrived: threading.Condition, hub: Sender, setup: Message) -> None:
        super().__init__(units, arrived)
        self.name, self.setup = name, setup
        self.traffic = SiteTraffic()
        self.session = LinkSession(new_life())
        self.peer, self.route = 0, b""
        self.failed = ""
        self._hub = hub
        self._owed: set[tuple[str, int]] = set()
        self._started = -1

    @property
    def lag(self) -> int:
        """Passes that it was told to make and that are not through it yet."""
        return max(0, self._started - self._passed)

    def submit(self, command: Message) -> None:
        if command.kind in ANSWERS:
            token = command.about["token"]
            with self.arrived:
                self._owed.add((ANSWERS[command.kind], token))
            if ANSWERS[command.kind] == "output":
                self._started = token
        self._hub.post(self, self._hub.pack(command))

    def feed(self, name: str, token: int, value: Tensor) -> None:
        self._hub.post(self, self._hub.pack(Message("feed", {"token": token}, {name: value})))

    def take(self, message: Message) -> None:
        """Takes what a site sent; what nobody asked for, or what came before, is dropped.

        Raises:
            WireError: If it is no answer.
        """
        if message.kind == "error":
            self.fail(str(message.about.get("text", "")))
            return
        token, updates = message.about.get("token"), message.about.get("updates", 0)
        if type(token) is not int or type(updates) is not int or not 0 <= updates < 2**53:
            raise WireError("an answer without its number")
        with self.arrived:
            owed = (message.kind, token) in self._owed or (message.kind == HANDED and 0 <= token <= self._started)
            if not owed:
                self.traffic.refused += 1
                return
            self._owed.discard((message.kind, token))
        self.traffic.updates = updates
        self.deliver(message)

    def fail(self, text: str) -> None:
        """The site has failed: who waits for it is told."""
        with self.arrived:
            self.failed = self.failed or text[:300] or "it failed and does not say why"
            self.arrived.notify_all()

    def lost(self) -> str:
        if self.failed:
            return f"site {self.name}: {self.failed}"
        silent = time.monotonic() - self.traffic.seen
        if silent <= self._hub.patience_s:
            return ""
        if not self.traffic.lives:
            return f"site {self.name} has not joined for {silent:.0f} s; see patience_s of the sites file"
        return f"site {self.name} has given no sign of life for {silent:.0f} s; start it again, and --resume the run"


def new_life() -> int:
    """A name for the life of a process, or of a session with one."""
    return secrets.randbits(63) + 1
