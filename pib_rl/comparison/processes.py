"""Runs as processes of this machine."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO

import yaml

from pib_rl.common.atomic import write_atomically
from pib_rl.comparison.folder import ComparisonFolder
from pib_rl.comparison.groups import Group

GRACE = 20.0  # seconds for a process to end by itself after an interruption


@dataclass
class Running:
    """A process at work."""

    group: Group
    process: subprocess.Popen[bytes]
    log: IO[bytes]

    def ended(self) -> bool:
        """Whether it is at work no more."""
        return self.process.poll() is not None

    def reason(self) -> str | None:
        """Why it failed: the last line that it wrote; None if it did not."""
        self.log.close()
        if self.process.returncode == 0:
            return None
        with open(self.log.name, errors="replace") as log:
            lines = log.read().strip().splitlines()
        return lines[-1] if lines else f"ended with code {self.process.returncode}"


class Processes:
    """Makes each group of runs in a process of this machine."""

    def start(self, group: Group, folder: ComparisonFolder) -> Running:
        """See `start`."""
        return start(group, folder)

    def stop(self, running: Sequence[Running]) -> None:
        """See `stop`."""
        stop(running)


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


def stop(running: Sequence[Running]) -> None:
    """Ends what still runs; a run takes that as Ctrl-C."""
    for one in running:
        if one.process.poll() is None:
            one.process.terminate()
    deadline = time.monotonic() + GRACE
    for one in running:
        try:
            one.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            one.process.kill()
            one.process.wait()
        one.log.close()
