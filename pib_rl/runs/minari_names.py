"""How a data set of Minari is named among runs and files."""

from __future__ import annotations

PREFIX = "minari:"  # of its own name


def names_data(source: object) -> bool:
    """Whether this, a text or a path, names a data set of Minari."""
    return str(source).startswith(PREFIX)


def data_name(source: object) -> str:
    """Its own name."""
    return str(source).removeprefix(PREFIX)
