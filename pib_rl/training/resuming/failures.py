"""What environments do to a training from outside: errors in one line, and none when they are closed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from stable_baselines3.common.vec_env import VecEnv

from pib_rl.agents.resuming.failures import environment_failure, note_environment, passed_through
from pib_rl.cli.cli import UserError, note


class Closable(Protocol):
    """An environment, or several."""

    def close(self) -> Any:
        """Closes it."""


def close_environment(env: Closable) -> None:
    """Closes an environment. If it raises an error then, a note tells of it: what was learned is not lost for that."""
    try:
        env.close()
    except Exception as error:
        note(f"an environment could not be closed: {type(error).__name__}: {error}")


@contextmanager
def environment_failures(env: VecEnv | None = None) -> Iterator[None]:
    """Turns what an environment raised into `UserError`, one line with its message.

    Args:
        env: Those of an agent that does not note by itself what they raised, as those of Stable-Baselines3.
    """
    try:
        yield
    except Exception as error:
        if env is not None and environment_failure(error) is None:
            inner = env.unwrapped
            if passed_through(error, inner.step_wait) or passed_through(error, inner.reset):
                note_environment(error, "while it trained")
        failure = environment_failure(error)
        if failure is None:
            raise
        raise UserError(failure) from error
