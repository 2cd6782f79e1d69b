"""Runs on the machines of a Ray cluster, or on this one through Ray; their folder must be on a disk that all share."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pib_rl.comparison import processes
from pib_rl.comparison.folder import ComparisonFolder
from pib_rl.comparison.groups import Group
from pib_rl.comparison.runner import PAUSE
from pib_rl.runs.versions import versions

GRACE = processes.GRACE + 5.0  # seconds for a run to end by itself after an interruption, and to say so


class ProcessLostError(Exception):
    """A run's process was killed, which says nothing about the run: it is made again."""


@dataclass
class Task:
    """Runs that Ray has taken up; it may take a while until they are at work."""

    ray: Any
    group: Group
    reference: Any

    def ended(self) -> bool:
        """Whether they are at work no more."""
        return bool(self.ray.wait([self.reference], timeout=0)[0])

    def reason(self) -> str | None:
        """Why they failed, once they have ended; None if they are whole."""
        try:
            found: str | None = self.ray.get(self.reference)
        except self.ray.exceptions.RayError as error:
            cause = getattr(error, "cause", None) or error
            return f"{type(cause).__name__}: {(str(cause).splitlines() or [''])[0]}"
        return found


class RayPool:
    """Makes each group of runs as a task of Ray, which finds the place and begins again what was lost.

    Args:
        ray: The module ray, connected to a cluster.
        cpus: Processors that each task takes; Ray starts as many tasks as fit.
        retries: How often a task is made again whose process or machine went away. A run that fails by itself would
            fail again, and is not.
    """

    def __init__(self, ray: Any, cpus: float, retries: int) -> None:
        self._ray = ray
        self._make = ray.remote(num_cpus=cpus, max_retries=retries, retry_exceptions=[ProcessLostError])(make)

    def start(self, group: Group, folder: ComparisonFolder) -> Task:
        """Hands runs to Ray."""
        reference = self._make.options(name=group.name).remote(group, str(folder.path.resolve()), versions())
        return Task(self._ray, group, reference)

    def stop(self, running: Sequence[Task]) -> None:
        """Ends runs and waits for them; a run takes that as Ctrl-C."""
        references = [one.reference for one in running]
        for force, patience in ((False, GRACE), (True, 1.0)):
            for reference in references:
                self._ray.cancel(reference, force=force)
            references = (
                self._ray.wait(references, num_returns=len(references), timeout=patience)[1] if references else []
            )


def make(group: Group, path: str, made_with: dict[str, str]) -> str | None:
    """Makes runs in a process of the machine that Ray chose; why they failed, or None.

    Args:
        group: Which.
        path: The folder of the comparison.
        made_with: Versions on the machine where the comparison was started, which must be those here.

    Raises:
        ProcessLostError: If the process was killed.
    """
    folder, here = ComparisonFolder(Path(path)), socket.gethostname()
    if not folder.logs.is_dir():
        return f"{here} does not see {path}; choose an --out on a disk that all machines share"
    found = versions()
    if other := [f"{name} {found.get(name)}" for name in made_with if found.get(name) != made_with[name]]:
        return f"{here} has other versions ({', '.join(other)}) than where compare runs; install the same there"
    heed_interruptions()
    one = processes.start(group, folder)
    try:
        while not one.ended():
            time.sleep(PAUSE)
    finally:
        processes.stop([one])
    if one.process.returncode < 0:
        raise ProcessLostError(f"killed by signal {-one.process.returncode} on {here}, on each attempt")
    return one.reason()


def heed_interruptions() -> None:
    """Lets Ray end what runs in this process: it interrupts as Ctrl-C does, which a shell's background jobs ignore."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
