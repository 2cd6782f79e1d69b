"""What an agent is made of beside its tensors, as plain data: numbers, words, spaces, schedules, policies by name."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.utils import ConstantSchedule, FloatSchedule, LinearSchedule

from pib_rl.agents.policy import CnnPolicy, PIBPolicy
from pib_rl.agents.storing.spaces import make_space, plain_space
from pib_rl.common.tree import flatten_state

POLICIES: dict[str, type] = {kind.__name__: kind for kind in (PIBPolicy, CnnPolicy)}
SPACE, SCHEDULE, POLICY, DEQUE = "@space", "@schedule", "@policy", "@deque"


def to_plain(value: Any) -> Any:
    """An attribute as `flatten_state` takes it.

    Raises:
        TypeError: If it has no such form: a function, or an object of other kinds.
    """
    if isinstance(value, spaces.Space):
        return {SPACE: plain_space(value)}
    if isinstance(value, (FloatSchedule, ConstantSchedule, LinearSchedule)):
        return {SCHEDULE: _plain_schedule(value)}
    if isinstance(value, type):
        if POLICIES.get(value.__name__) is not value:
            raise TypeError(f"the class {value.__name__}")
        return {POLICY: value.__name__}
    if isinstance(value, deque):
        return {DEQUE: [to_plain(part) for part in value], "most": value.maxlen}
    if isinstance(value, Mapping):
        if any(str(name).startswith("@") for name in value):
            raise TypeError("names that begin with @")
        return {name: to_plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        if type(value) not in (list, tuple):
            raise TypeError(f"an object of type {type(value).__name__}")
        return type(value)(to_plain(part) for part in value)
    flatten_state(value)
    return value


def from_plain(plain: Any) -> Any:
    """The inverse of `to_plain`.

    Raises:
        ValueError: If it did not come from there.
    """
    try:
        return _back(plain)
    except (KeyError, TypeError, AssertionError, AttributeError, RecursionError, OverflowError) as error:
        raise ValueError(f"{type(error).__name__} {error}") from None


def _back(plain: Any) -> Any:
    if isinstance(plain, (list, tuple)):
        return type(plain)(_back(part) for part in plain)
    if not isinstance(plain, dict):
        return plain
    if SPACE in plain:
        return make_space(plain[SPACE])
    if SCHEDULE in plain:
        return _schedule(plain[SCHEDULE])
    if POLICY in plain:
        return POLICIES[plain[POLICY]]
    if DEQUE in plain:
        return deque((_back(part) for part in plain[DEQUE]), plain["most"])
    return {name: _back(part) for name, part in plain.items()}


def _plain_schedule(value: Any) -> list[Any]:
    if isinstance(value, FloatSchedule):
        inner = value.value_schedule
        if not isinstance(inner, (ConstantSchedule, LinearSchedule, FloatSchedule)):
            raise TypeError(f"a schedule of type {type(inner).__name__}")
        return ["float", _plain_schedule(inner)]
    if isinstance(value, ConstantSchedule):
        return ["constant", float(value.val)]
    return ["linear", float(value.start), float(value.end), float(value.end_fraction)]


def _schedule(plain: list[Any]) -> Any:
    kind, *numbers = plain
    if kind == "float":
        return FloatSchedule(_schedule(numbers[0]))
    if not all(isinstance(number, float) and np.isfinite(number) for number in numbers):
        raise ValueError(f"a schedule of {numbers!r:.80}")
    return {"constant": ConstantSchedule, "linear": LinearSchedule}[kind](*numbers)
