"""What objects of other packages hold: plain attributes and random generators, read and put back in place."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple

import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.spaces import Space
from stable_baselines3.common.monitor import Monitor
from torch import Tensor, nn

from pib_rl.common.streams import Streams
from pib_rl.common.tree import flatten_state

STATIC = (type, FunctionType, MethodType, BuiltinFunctionType, ModuleType, Space, EnvSpec)  # the same in all copies
COMPILED = (nn.Module, Tensor)
MUTABLE = (list, dict, np.ndarray)
RANDOM = (np.random.Generator, np.random.RandomState, Streams)
DEEPEST = 8  # objects within objects
OUTSIDE = ("venv", "metadata", "t_start", "class_attributes")  # what belongs to others, is the same, or a time
STATISTICS = ("t_start", "episode_returns", "episode_lengths", "episode_times", "total_steps")  # of a `Monitor`


def random_state(generator: Any) -> Any:
    """Where a generator of `RANDOM` is, as `flatten_state` takes it."""
    if isinstance(generator, np.random.Generator):
        return generator.bit_generator.state
    if isinstance(generator, Streams):
        return generator.state()
    return generator.get_state(legacy=False)


def set_random_state(generator: Any, state: Any) -> None:
    """Puts a generator of `RANDOM` where another one was."""
    if isinstance(generator, np.random.Generator):
        generator.bit_generator.state = state
    elif isinstance(generator, Streams):
        generator.load_state(state)
    else:
        generator.set_state(state)


def generators(root: Any) -> dict[str, Any]:
    """All generators that an object holds, by the path of attributes that leads to them; each once."""
    found: dict[str, Any] = {}
    _search(root, "", {id(root)}, found)
    return found


def _search(owner: Any, place: str, seen: set[int], found: dict[str, Any]) -> None:
    if place.count("/") >= DEEPEST:
        return
    for name, value in _parts(owner):
        if id(value) in seen:
            continue
        if isinstance(value, RANDOM):
            seen.add(id(value))
            found[f"{place}/{name}"] = value
        elif _has_parts(value):
            seen.add(id(value))
            _search(value, f"{place}/{name}", seen, found)


def _has_parts(value: Any) -> bool:
    return isinstance(value, (list, tuple, dict, Space)) or (
        not isinstance(value, (*STATIC, *COMPILED)) and hasattr(value, "__dict__")
    )


def _parts(owner: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(owner, dict):
        yield from ((str(name), value) for name, value in owner.items())
    elif isinstance(owner, (list, tuple)):
        yield from ((str(index), value) for index, value in enumerate(owner))
    else:
        yield from list(vars(owner).items())


class Attributes(NamedTuple):
    """Plain attributes of an object.

    Args:
        state: As `flatten_state` takes it, and `set_attributes`.
        whole: Whether there is nothing else that could change: no data of a compiled library, nothing held twice.
    """

    state: dict[str, Any]
    whole: bool


def attributes(owner: Any) -> Attributes:
    """The plain attributes of an object, copied, and those of the objects that it holds; others are left out."""
    seen: set[int] = set()
    left_out: list[str] = []
    state = _attributes(owner, seen, left_out, 0)
    return Attributes(state, not left_out)


def _attributes(owner: Any, seen: set[int], left_out: list[str], depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in vars(owner).items():
        if isinstance(value, STATIC) or name in (STATISTICS if isinstance(owner, Monitor) else OUTSIDE):
            continue
        if isinstance(value, RANDOM):
            found[name] = {"random": random_state(value)}
        elif _is_plain(value):
            if isinstance(value, MUTABLE) and id(value) in seen:
                left_out.append(name)
            seen.add(id(value))
            found[name] = {"plain": copy.deepcopy(value)}
        elif id(value) in seen:
            continue
        elif depth < DEEPEST and not isinstance(value, COMPILED) and hasattr(value, "__dict__"):
            seen.add(id(value))
            found[name] = {"object": _attributes(value, seen, left_out, depth + 1)}
        else:
            left_out.append(name)
    return found


def set_attributes(owner: Any, state: dict[str, Any]) -> None:
    """Puts attributes back that `attributes` read from an object made in the same way.

    Raises:
        ValueError: If one has the name of a method: files set values, and change nothing that is done.
    """
    for name, entry in state.items():
        method = getattr(type(owner), name, None)
        if name.startswith("__") or callable(method) or isinstance(method, property):
            raise ValueError(f"{name} of {type(owner).__name__} is no value")
        kind, value = next(iter(entry.items()))
        if kind == "plain":
            setattr(owner, name, value)
        elif kind == "random":
            if getattr(owner, name, None) is None:
                setattr(owner, name, np.random.default_rng())
            set_random_state(getattr(owner, name), value)
        else:
            set_attributes(getattr(owner, name), value)


def _is_plain(value: Any) -> bool:
    try:
        flatten_state(value)
    except (TypeError, RecursionError):
        return False
    return not isinstance(value, Tensor)
