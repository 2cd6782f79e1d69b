"""What a group still has to do, in order, and what came for it in the meantime."""

from __future__ import annotations

from collections import deque

from torch import Tensor

from pib_rl.agents.split.message import Message

DRIVE, SLOPE = "drive", "slope"  # what groups hand on: forwards, and, for learners that need it, backwards
NEEDS = {"measure": DRIVE, "calibrate": DRIVE, "backward": SLOPE}  # what a command waits for

OVERTAKE = ("measure",)  # passes, which go on while a gradient is under way


class Worklist:
    """Commands are done in the order in which they came, but that later passes overtake a backward one that waits."""

    def __init__(self) -> None:
        self._commands: deque[tuple[int, Message]] = deque()
        self._inputs: dict[tuple[str, int], Tensor] = {}

    def add(self, command: Message, number: int = 0) -> None:
        """A command, and the number of the message that it came with."""
        self._commands.append((number, command))

    def give(self, name: str, token: int, value: Tensor) -> None:
        """What another group hands on for a pass: its drives, or slopes of its own drives."""
        self._inputs[name, token] = value

    def next(self) -> tuple[Message, Tensor | None] | None:
        """Takes the first command that can be done off the list, with what it waited for; None if there is none."""
        index = self._ready()
        if index is None:
            return None
        _, command = self._commands[index]
        del self._commands[index]
        needed = _needed(command)
        if needed is None:
            return command, None
        value = self._inputs.pop(needed)
        for old in [one for one in self._inputs if one[0] == needed[0] and one[1] < needed[1]]:
            del self._inputs[old]  # came twice, since a connection was lost
        return command, value

    @property
    def ready(self) -> bool:
        """Whether something can be done."""
        return self._ready() is not None

    def first(self, otherwise: int) -> int:
        """The least number of a command that is to be done."""
        return self._commands[0][0] if self._commands else otherwise

    def clear(self) -> None:
        """Nothing is to be done."""
        self._commands.clear()
        self._inputs.clear()

    def _ready(self) -> int | None:
        waiting = False
        for index, (_, command) in enumerate(self._commands):
            needed = _needed(command)
            if (needed is None or needed in self._inputs) and (not waiting or command.kind in OVERTAKE):
                return index
            if command.kind != "backward":
                return None
            waiting = True
        return None


def _needed(command: Message) -> tuple[str, int] | None:
    name = NEEDS.get(command.kind)
    return None if name is None or command.about.get("ends") else (name, command.about["token"])
