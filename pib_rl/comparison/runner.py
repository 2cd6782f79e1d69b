"""Makes runs side by side, with one progress bar over the environment steps of all."""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from tqdm import tqdm

from pib_rl.cli.cli import UserError
from pib_rl.comparison.folder import ComparisonFolder
from pib_rl.comparison.groups import Group
from pib_rl.comparison.plan import Job
from pib_rl.figures.curves import read_progress

PAUSE = 0.2  # seconds between two looks at the runs


@dataclass(frozen=True)
class Failure:
    """A run that did not finish: its job and the last line that it wrote."""

    job: Job
    reason: str


class Work(Protocol):
    """Runs at work."""

    @property
    def group(self) -> Group:
        """Which."""

    def ended(self) -> bool:
        """Whether they are at work no more."""

    def reason(self) -> str | None:
        """Why they failed, once they have ended; None if they are whole."""


W = TypeVar("W", bound=Work)


class RunPool(Protocol[W]):
    """Where runs are made."""

    def start(self, group: Group, folder: ComparisonFolder) -> W:
        """Starts runs, which go on with what an earlier attempt left; what they say goes to their log."""

    def stop(self, running: Sequence[W]) -> None:
        """Ends runs and waits for them; a run takes that as Ctrl-C and saves what it has."""


def run_all(
    groups: list[Group], folder: ComparisonFolder, steps: int, at_once: int, progress: bool, pool: RunPool[W]
) -> list[Failure]:
    """Makes runs, ``at_once`` groups side by side; a failing one is noted and the others go on.

    A wafer that fails may do so for one of its chips: its runs are then made alone.

    Args:
        groups: What to run.
        folder: Where.
        steps: Environment steps of each run, for the bar.
        at_once: Number of groups.
        progress: Show the bar.
        pool: Where runs are made.

    Returns:
        What failed, in order.
    """
    if not groups:
        return []
    waiting, running, failures, done = deque(groups), list[W](), list[Failure](), 0
    count = sum(len(group.jobs) for group in groups)
    with tqdm(total=steps * count, unit="step", unit_scale=True, dynamic_ncols=True, disable=not progress) as bar:
        try:
            while waiting or running:
                while waiting and len(running) < at_once:
                    running.append(pool.start(waiting.popleft(), folder))
                time.sleep(PAUSE)
                for one in [one for one in running if one.ended()]:
                    running.remove(one)
                    reason = settle(one, folder)
                    if reason is not None and len(one.group.jobs) > 1:
                        tqdm.write(f"note: {one.group.name} failed: {reason}; its runs are made alone", sys.stderr)
                        waiting.extendleft(reversed(one.group.alone()))
                        continue
                    failures += [] if reason is None else [Failure(one.group.jobs[0], reason)]
                    done += len(one.group.jobs)
                if progress:
                    seen = sum(len(one.group.jobs) * min(steps, steps_of(one, folder)) for one in running)
                    bar.update(max(0, done * steps + seen - bar.n))
                    bar.set_postfix(runs=f"{done}/{count}", failed=len(failures), refresh=False)
        finally:
            pool.stop(running)
    return failures


def settle(one: Work, folder: ComparisonFolder) -> str | None:
    """Puts finished runs in their places, or tells why there are none."""
    reason = one.reason()
    if reason is not None:
        return reason
    if one.group.name not in os.listdir(folder.unfinished):  # a listing is new, where a network's file system remembers
        return f"it ended, and left nothing in {folder.unfinished}: all machines must share the folder of --out"
    try:
        folder.finish(one.group)
    except UserError as error:
        return str(error)
    return None


def steps_of(one: Work, folder: ComparisonFolder) -> int:
    """Environment steps that each run of a group has logged so far."""
    path = folder.unfinished / one.group.name / "progress.csv"
    try:
        found = read_progress(path).get("time/total_timesteps", np.zeros(0))
    except (OSError, ValueError):  # not there yet, or just being written
        return 0
    return int(np.nanmax(found, initial=0))
