"""Classes by name, of which only the names are known until one is asked for."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar, cast

T = TypeVar("T")


class Catalogue(Mapping[str, T]):
    """A mapping from names to classes that imports a class when it is first asked for.

    Args:
        places: MODULE:CLASS of each name, in the order in which they are shown.
    """

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = dict(places)
        self._found: dict[str, T] = {}

    def __getitem__(self, name: str) -> T:
        if name not in self._found:
            module, _, kind = self._places[name].partition(":")
            self._found[name] = cast(T, getattr(importlib.import_module(module), kind))
        return self._found[name]

    def __contains__(self, name: Any) -> bool:
        return name in self._places  # without importing it, as a Mapping would

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)
