"""Makes runs in parallel processes, with one progress bar over the environment steps of all."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import deque
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
import yaml
from tqdm import tqdm

from pib_rl.cli.cli import UserError
from pib_rl.common.atomic import write_atomically
from pib_rl.comparison.folder import ComparisonFolder
from pib_rl.comparison.groups import Group
from pib_rl.comparison.plan import Job
from pib_rl.figures.curves import read_progress

PAUSE = 0.2  # seconds between two evaluations at the processes
GRACE = 20.0  # seconds for a process to end by itself after an interruption


@dataclass(frozen=True)
class Failure:
    """A run that did not finish: its job and the last line that it wrote."""

    job: Job
    reason: str


@dataclass
class Running:
    """A process at work."""

    group: Group
    process: subprocess.Popen[bytes]
    log: IO[bytes]


def run_all(groups: list[Group], folder: ComparisonFolder, steps: int, at_once: int, progress: bool) -> list[Failure]:
    """Makes runs, ``at_once`` processes side by side; a failing one is noted and the others go on.

    A wafer that fails may do so for one of its chips: its runs are then made alone.

    Args:
        groups: What to run.
        folder: Where.
        steps: Environment steps of each run, for the bar.
        at_once: Number of processes.
        progress: Show the bar.

    Returns:
        What failed, in order.
    """
    if not groups:
        return []
    waiting, running, failures, done = deque(groups), list[Running](), list[Failure](), 0
    count = sum(len(group.jobs) for group in groups)
    with tqdm(total=steps * count, unit="step", unit_scale=True, dynamic_ncols=True, disable=not progress) as bar:
        try:
            while waiting or running:
                while waiting and len(running) < at_once:
                    running.append(start(waiting.popleft(), folder))
                time.sleep(PAUSE)
                for one in [one for one in running if one.process.poll() is not None]:
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
            stop(running)
    return failures


def start(group: Group, folder: ComparisonFolder) -> Running:
    """Starts one process, which goes on with what an earlier one left; what it says goes to its log."""
    log = (folder.logs / f"{group.name}.log").open("wb")
    settings = folder.logs / f"{group.name}.yaml"
    write_atomically(settings, yaml.safe_dump(group.settings().plain(), sort_keys=False).encode())
    if folder.goes_on(group):
        place = ["--resume", str(folder.unfinished / group.name)]
    else:
        place = ["--config", str(settings), "--out", str(folder.begin(group))]
    command = [sys.executable, "-m", group.module, *place, "--no-progress"]
    if modules := group.settings().imports:
        command += ["--import", *modules]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)
    return Running(group, process, log)


def settle(one: Running, folder: ComparisonFolder) -> str | None:
    """Puts finished runs in their places, or tells why there are none."""
    one.log.close()
    if one.process.returncode != 0:
        lines = (folder.logs / f"{one.group.name}.log").read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"ended with code {one.process.returncode}"
    try:
        folder.finish(one.group)
    except UserError as error:
        return str(error)
    return None


def steps_of(one: Running, folder: ComparisonFolder) -> int:
    """Environment steps that each run of a process has logged so far."""
    path = folder.unfinished / one.group.name / "progress.csv"
    try:
        found = read_progress(path).get("time/total_timesteps", np.zeros(0))
    except (OSError, ValueError):  # not there yet, or just being written
        return 0
    return int(np.nanmax(found, initial=0))


def stop(running: list[Running]) -> None:
    """Ends what still runs; a run takes that as Ctrl-C."""
    for one in running:
        if one.process.poll() is None:
            one.process.terminate()
    deadline: Any = time.monotonic() + GRACE
    for one in running:
        try:
            one.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            one.process.kill()
            one.process.wait()
        one.log.close()
