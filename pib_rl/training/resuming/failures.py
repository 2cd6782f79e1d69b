"""What stops a training from outside, in one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pib_rl.agents.resuming.failures import environment_note
from pib_rl.cli.cli import UserError


@contextmanager
def environment_failures() -> Iterator[None]:
    """Turns what an environment raised in a step into `UserError`, one line with its message."""
    try:
        yield
    except Exception as error:
        note = environment_note(error)
        if note is None:
            raise
        raise UserError(f"{note}: {type(error).__name__}: {error}") from error
