"""Substrates by name: the built-in ones and those of installed packages."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

from pib_rl.physical.digital import Digital
from pib_rl.physical.memristive import Memristive
from pib_rl.physical.meter import Meter
from pib_rl.physical.optical import Optical
from pib_rl.physical.options import configure, nearest
from pib_rl.physical.streams import Streams
from pib_rl.physical.substrate import Substrate

GROUP = "pib_rl.substrates"
_REGISTRY: dict[str, type[Substrate]] = {kind.name: kind for kind in (Digital, Memristive, Optical)}


def register(kind: type[Substrate]) -> type[Substrate]:
    """Adds a substrate under its ``name``; usable as a class decorator.

    Raises:
        ValueError: If another substrate has that name.
    """
    known = _REGISTRY.setdefault(kind.name, kind)
    if known is not kind:
        raise ValueError(f"a substrate named {kind.name!r} is registered already: {known.__module__}")
    return kind


def names() -> list[str]:
    """All known substrate names, sorted."""
    return sorted({*_REGISTRY, *(entry.name for entry in entry_points(group=GROUP))})


def find(name: str) -> type[Substrate]:
    """The substrate class of that name; entry points of the group ``pib_rl.substrates`` load at first use.

    Raises:
        ValueError: If there is none; the message offers the nearest names.
    """
    if name not in _REGISTRY:
        for entry in entry_points(group=GROUP, name=name):
            _REGISTRY[name] = entry.load()
    if name not in _REGISTRY:
        raise ValueError(f"unknown substrate {name!r}; {nearest(name, names())}")
    return _REGISTRY[name]


def make(name: str, options: dict[str, Any], streams: Streams, meter: Meter) -> Substrate:
    """A substrate by name, its configuration changed by ``options``.

    Raises:
        ValueError: If the name or an option is unknown, or a value lies outside its range.
    """
    kind = find(name)
    return kind(configure(kind.Config, options, name), streams, meter)
