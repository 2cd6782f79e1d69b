"""Groups of units in series: passes are under way in all of them at once, and nothing flows back."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TypeVar

import torch
from torch import Tensor

from pib_rl.agents.split.lines import Line
from pib_rl.agents.split.message import Message
from pib_rl.agents.split.worklist import DRIVE, SLOPE

WAIT = 0.05  # seconds after which a line is asked whether it is still there
T = TypeVar("T")


class GroupLostError(RuntimeError):
    """A group of units is gone for good, or has failed."""


class Pipeline:
    """Starts passes and collects what comes of them.

    Commands go to every group in the same order, so that each makes its passes and its steps in the order of one
    process: a group further back does them later, not otherwise. What is limited is how much later.

    Args:
        lines: The groups, front to back.
        arrived: The condition that all lines notify.
        staleness: Passes that may be under way beside the one that is waited for.
    """

    def __init__(self, lines: Sequence[Line], arrived: threading.Condition, staleness: int) -> None:
        self.lines = list(lines)
        self.staleness = staleness
        self._arrived = arrived
        self.told = 0  # commands that were given
        self._next = 0
        self._under_way: list[int] = []
        for line, behind in pairwise(lines):
            line.neighbours[DRIVE], behind.neighbours[SLOPE] = behind.feed, line.feed

    def start(self, kind: str, drive: Tensor, taps: bool = True, **about: object) -> int:
        """Starts a pass of drives, shape (*chips, n, features); waits while too many are under way. Its number."""
        while len(self._under_way) > self.staleness:
            self._wait_for(lambda: self._done(self._under_way[0]))
            self._under_way.pop(0)
        token, self._next = self._next, self._next + 1
        self._under_way.append(token)
        self.told += 1
        for line in self.lines:
            line.submit(Message(kind, {"token": token, "taps": taps, **about}, {}))
        self.lines[0].feed(DRIVE, token, drive)
        self._work()
        return token

    def tell(self, command: Message) -> None:
        """Gives a command to all groups."""
        self.told += 1
        for line in self.lines:
            line.submit(command)
        self._work()

    def tell_each(self, commands: Sequence[Message]) -> None:
        """Gives every group a command of its own, front to back."""
        self.told += 1
        for line, command in zip(self.lines, commands, strict=True):
            line.submit(command)
        self._work()

    def request(self, kind: str, **about: object) -> int:
        """Gives a command to all groups, for whose `answers` somebody will wait; its number."""
        token, self._next = self._next, self._next + 1
        self.tell(Message(kind, {"ask": token, "token": token, **about}, {}))
        return token

    def ask(self, kind: str, answer: str, **about: object) -> list[Message]:
        """Gives a command to all groups and waits for what comes of it, front to back."""
        return self.answers(answer, self.request(kind, **about))

    def answers(self, kind: str, token: int) -> list[Message]:
        """What comes of a command for all groups, front to back."""
        return [self._wait_for(lambda line=line: line.pop(kind, token)) for line in self.lines]  # type: ignore[misc]

    def taps(self, token: int) -> Tensor:
        """Taps of a pass, shape (*chips, n, tap_features); waits for them."""
        return torch.cat([message.tensors["taps"] for message in self.answers("output", token)], -1)

    def watch(self, owner: object, token: int) -> None:
        """When ``owner`` is gone, nobody wants what comes of the pass any more."""
        weakref.finalize(owner, self._drop, token)

    def _drop(self, token: int) -> None:
        for line in self.lines:
            line.drop(token)

    def _done(self, token: int) -> bool:
        """Whether a pass is through, or was popped."""
        return self.lines[-1].passed(token)

    def _work(self) -> bool:
        some = False
        while sum(line.work() for line in self.lines):  # each of them, not until the first
            some = True
        return some

    def _wait_for(self, ready: Callable[[], T | None]) -> T:
        """Works and waits until ``ready`` gives something that is true.

        Raises:
            GroupLostError: If a group is lost for good.
        """
        while True:
            if found := ready():
                return found
            if self._work():
                continue
            with self._arrived:
                if found := ready():
                    return found
                self._arrived.wait(WAIT)
            for line in self.lines:
                if reason := line.lost():
                    raise GroupLostError(reason)
