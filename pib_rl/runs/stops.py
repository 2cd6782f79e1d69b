"""What stops a run from outside, in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pib_rl.agents.resuming.failures import environment_failure
from pib_rl.cli.cli import UserError
from pib_rl.cli.refusals import cure, refused
from pib_rl.physical.remote.instrument import InstrumentError
from pib_rl.runs.folder import RunFolder


def stopped_by(error: BaseException, folder: RunFolder) -> str | None:
    """What stopped a run; None of errors that are ours."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    if isinstance(error, (UserError, InstrumentError)):
        return str(error).rstrip(".")
    if isinstance(error, Exception) and (failed := environment_failure(error)):
        return failed.rstrip(".")
    if isinstance(error, OSError) and (said := refused(error, folder.path)):
        return f"{said}; {cure(error)}"
    return None


@contextmanager
def between_learners(folder: RunFolder) -> Iterator[None]:
    """For an adaptation outside of its learners, which say by themselves how it goes on.

    Raises:
        UserError: In the place of what stopped it; it names the command that goes on.
    """
    try:
        yield
    except UserError:
        raise
    except (KeyboardInterrupt, Exception) as error:
        reason = stopped_by(error, folder)
        if reason is None:
            raise
        raise UserError(f"{reason}; stopped between learners: {folder.resume_command} goes on from there") from error
    finally:
        folder.release()
