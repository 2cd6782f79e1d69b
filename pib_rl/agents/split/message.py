"""What goes to the units of a group and comes from them: a word, plain data, tensors."""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import Tensor

from pib_rl.agents.objectives.target import Target


class Message(NamedTuple):
    """A command, or what comes of one.

    Args:
        kind: Its word, such as "measure"; `Segment.run` knows them.
        about: Plain data by name, what JSON can hold.
        tensors: By name.
    """

    kind: str
    about: dict[str, Any]
    tensors: dict[str, Tensor]


def with_target(kind: str, token: int, target: Target, **about: Any) -> Message:
    """A command on the pass ``token`` that broadcasts a target."""
    about |= {"token": token, "blocks": list(target.blocks), "classes": target.classes}
    return Message(kind, about, {"target": target.values})


def target_of(message: Message) -> Target:
    """The target that `with_target` put in."""
    return Target(message.tensors["target"], tuple(message.about["blocks"]), message.about["classes"])


def unit_numbers(units: range) -> str:
    """Numbers of units as people count them: 1, or 1-2."""
    return f"{units.start + 1}-{units.stop}" if len(units) > 1 else str(units.start + 1)


def unit_names(units: range) -> str:
    """The same with the word in front."""
    return f"unit{'s' * (len(units) > 1)} {unit_numbers(units)}"
