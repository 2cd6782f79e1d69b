"""Errors that come from an environment: told apart from those of this package, whatever their type."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

START = "the environment failed"
LOST = (
    EOFError,
    ConnectionResetError,
    BrokenPipeError,
)  # what is left of an environment in a process of its own when that ends
ENDED = ", its process ended"


def note_environment(error: Exception, when: str) -> None:
    """Notes on an error that an environment raised it, and when, such as "after step 300"."""
    ended = ENDED if isinstance(error, LOST) else ""
    noted = [*getattr(error, "__notes__", []), f"{START} {when}{ended}"]
    error.__notes__ = noted  # what add_note does, which Python 3.10 lacks


@contextmanager
def of_environment(when: str) -> Iterator[None]:
    """Notes on whatever is raised inside that an environment raised it, and when."""
    try:
        yield
    except Exception as error:
        note_environment(error, when)
        raise


def passed_through(error: Exception, method: Callable[..., object]) -> bool:
    """Whether an error was raised while a method was at work."""
    code = getattr(method, "__code__", None)
    return any(frame.f_code is code for frame, _ in traceback.walk_tb(error.__traceback__))


def environment_failure(error: Exception) -> str | None:
    """What an environment raised, with its message; None of an error that comes from elsewhere."""
    note = next((note for note in getattr(error, "__notes__", []) if note.startswith(START)), None)
    return note and f"{note}: {type(error).__name__}: {error}".rstrip(": ")
