"""What stops a training from outside, in one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pib_rl.agents.resuming.failures import environment_failure
from pib_rl.cli.cli import UserError


@contextmanager
def environment_failures() -> Iterator[None]:
    """Turns what an environment raised into `UserError`, one line with its message."""
    try:
        yield
    except Exception as error:
        failure = environment_failure(error)
        if failure is None:
            raise
        raise UserError(failure) from error
