"""Saves what a run has reached from time to time, and lets it go on: for every command that learns."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

from pib_rl.agents.resuming.checkpoints import Checkpoint, newest_checkpoint, save_checkpoint
from pib_rl.cli.cli import mistakes
from pib_rl.common.tree import Flat
from pib_rl.runs.resuming import Every


class Saver:
    """Takes states of a run, keeps the last one in memory, and writes it to the run folder when it is time.

    Args:
        folder: The run folder.
        every: How often it is written.
        total: Steps or epochs of the whole run.
        start: Where the run goes on; None for a new one.

    Attributes:
        taken: The last state.
        kept: Step of the last one that was written; None if there is none.
    """

    def __init__(self, folder: Path, every: Every, total: int, start: Checkpoint | None = None) -> None:
        self.folder, self.every, self.total, self.start = folder, every, total, start
        self.taken: Checkpoint | None = None
        self.kept = None if start is None else start.step
        self._before_s = 0.0 if start is None else float(start.parts["run"].plain["wall_s"])
        self._written_step = 0 if start is None else start.step
        self._began = self._written_at = time.monotonic()

    @property
    def wall_s(self) -> float:
        """Seconds that the run has taken so far, without the time in which it stood still."""
        return self._before_s + time.monotonic() - self._began

    def take(self, step: int, parts: dict[str, Flat]) -> None:
        """Takes the state after so many steps; "run" is one of its parts, and gets ``wall_s``."""
        parts["run"].plain["wall_s"] = self.wall_s
        self.taken = Checkpoint(step, self.total, parts)
        if step - self._written_step >= (self.every.steps or 1) and self._waited >= (self.every.seconds or 0):
            self.keep()

    @property
    def _waited(self) -> float:
        return time.monotonic() - self._written_at

    def keep(self) -> None:
        """Writes the last state."""
        if self.taken is not None:
            save_checkpoint(self.folder, self.taken)
            self._written_step, self._written_at = self.taken.step, time.monotonic()
            self.kept = self.taken.step

    def rescue(self) -> int | None:
        """Writes the last state, if that can be done; the step of what is on the disk then, None if nothing is."""
        with suppress(OSError):  # a full disk may be what stops the run
            self.keep()
        return self.kept


def find_start(run: Path, goes_on: bool, unit: str) -> Checkpoint | None:
    """Where a run goes on, which is said; None where it begins.

    Raises:
        UserError: If it has checkpoints, and none can be read.
    """
    with mistakes():
        found = newest_checkpoint(run) if goes_on else None
    if found is not None:
        print(f"{run} goes on from {unit} {found.step} of {found.of}")
    return found
