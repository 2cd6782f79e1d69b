"""Errors that come from an environment: told apart from those of this package, whatever their type."""

from __future__ import annotations

START = "the environment failed"


def note_environment(error: Exception, when: str) -> None:
    """Notes on an error that an environment raised it, and when, such as "after step 300"."""
    noted = [*getattr(error, "__notes__", []), f"{START} {when}"]
    error.__notes__ = noted  # what add_note does, which Python 3.10 lacks


def environment_note(error: Exception) -> str | None:
    """That note; None on an error that comes from elsewhere."""
    return next((note for note in getattr(error, "__notes__", []) if note.startswith(START)), None)
