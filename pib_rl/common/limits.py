"""Sizes and counts that a machine can hold, and what to do where it can't."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pib_rl.common.options import whole

SIZES = {  # smallest and largest
    "n_envs": (1, 10_000),
    "processes": (1, 256),
    "width": (1, 10**5),
    "units": (1, 1000),
    "chips": (1, 10_000),
    "distractors": (0, 10**6),
    "seed": (0, 2**63 - 1),
    "samples": (2, 10**6),
}


def sized(name: str, value: object, low: int | None = None) -> int:
    """``value`` if it is a whole number in the range of `SIZES`, its lower end ``low`` if given; else a ValueError."""
    least, most = SIZES[name]
    return whole(name, value, least if low is None else low, most)


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that there was not enough memory; torch has no type for that on a CPU."""
    return isinstance(error, MemoryError) or "allocate memory" in str(error)


def no_room(*names: str) -> str:
    """The message of a lack of memory: the settings ``names`` can be lowered."""
    cure = f"{', '.join(names[:-1])} or {names[-1]}"
    return f"there is not enough memory for so large a network or so much side by side; lower {cure}"


@contextmanager
def within_memory(*names: str) -> Iterator[None]:
    """Turns a lack of memory into ValueError, whose message says that ``names`` can be lowered."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if out_of_memory(error):
            raise ValueError(no_room(*names)) from error
        raise
