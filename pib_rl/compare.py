"""Compares PIB with other learners: python -m pib_rl.compare CartPole-v1 --learner ppo backprop frozen --seeds 5."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console

from pib_rl.cli.cli import FAILURE, UserError, parse, run
from pib_rl.cli.ray_session import connected
from pib_rl.cli.signals import importing
from pib_rl.comparison.config import CompareConfig

if TYPE_CHECKING:
    from pib_rl.comparison.folder import ComparisonFolder
    from pib_rl.comparison.groups import Group
    from pib_rl.comparison.plan import Job
    from pib_rl.comparison.results import Standing
    from pib_rl.comparison.runner import Failure, RunPool

NAME = "pib_rl.compare"
CAPTION = "return of the final policy, greedy, on noisy hardware; measured: physical measurements; writes: per device"


def main(arguments: list[str]) -> None:
    """The command; exit code 1 if a run failed."""
    config = parse(CompareConfig, arguments, NAME)
    with importing():  # late: --help and mistakes need none of it
        from pib_rl.comparison import table
        from pib_rl.comparison.folder import ComparisonFolder
        from pib_rl.comparison.plan import plan
        from pib_rl.comparison.report import title

    config.import_modules()
    jobs = plan(config)
    folder = ComparisonFolder.create(config)
    try:
        with folder.alone():
            failures, standings = compare(config, jobs, folder, f"python -m {NAME} {shlex.join(arguments)}")
    except OSError as error:
        where = error.filename2 or error.filename or folder.path
        raise UserError(
            f"cannot write {where}: {error.strerror or error}; make room for it, and the same command goes on"
        ) from None
    console = Console()
    if standings:
        console.print(table.terminal(standings, title(config, standings), CAPTION))
        console.print(f"report: {folder.path / 'report.html'}", soft_wrap=True, highlight=False)
    for failure in failures:
        log = folder.logs / f"{failure.job.name}.log"
        print(f"{NAME}: failed: {failure.job.name}: {failure.reason} (log: {log})", file=sys.stderr)
    if failures:
        raise SystemExit(FAILURE)


def compare(
    config: CompareConfig, jobs: list[Job], folder: ComparisonFolder, command: str
) -> tuple[list[Failure], list[Standing]]:
    """Makes the runs that are missing and writes the report of all that the folder holds."""
    from pib_rl.comparison.groups import grouped
    from pib_rl.comparison.report import write_report
    from pib_rl.comparison.runner import run_all

    todo = [job for job in jobs if not folder.finished(job)]
    others = folder.others(jobs)
    if len(todo) < len(jobs):
        print(f"{folder.path}: {len(jobs) - len(todo)} of {len(jobs)} runs are finished already")
    if older := folder.older([job for job in jobs if job not in todo] + others):
        print(
            f"{NAME}: note: another version of pib-rl made {len(older)} finished runs, such as {older[0].name}; move "
            f"them out of {folder.runs} to repeat them",
            file=sys.stderr,
        )
    try:
        groups = grouped(todo, config.wafers)
        with where(config, groups) as (pool, at_once):
            failures = run_all(groups, folder, config.steps, at_once, config.progress, pool)
    except KeyboardInterrupt:
        write_report(config, jobs, others, folder, [], command)
        raise UserError(f"interrupted; finished runs are in {folder.path}, the same command goes on there") from None
    return failures, write_report(config, jobs, others, folder, failures, command)


@contextmanager
def where(config: CompareConfig, groups: list[Group]) -> Iterator[tuple[RunPool[Any], int]]:
    """Where runs are made, and how many at once."""
    from pib_rl.comparison.cluster import RayPool
    from pib_rl.comparison.processes import Processes

    processors = config.jobs or os.cpu_count() or 1
    if config.ray is None or not groups:
        yield Processes(), processors
        return
    with connected(config.ray, processors, config.ray_cpus) as ray:
        yield RayPool(ray, config.ray_cpus, config.ray_retries), config.jobs or sys.maxsize


if __name__ == "__main__":
    run(NAME, main)
