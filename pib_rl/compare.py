"""Compares PIB with its rivals: python -m pib_rl.compare CartPole-v1 --against ppo backprop frozen --seeds 5."""

from __future__ import annotations

import os
import shlex
import sys

from rich.console import Console

from pib_rl.cli import FAILURE, UserError, parse, run
from pib_rl.comparison import table
from pib_rl.comparison.folder import ComparisonFolder
from pib_rl.comparison.plan import CompareConfig, plan
from pib_rl.comparison.report import title, write_report
from pib_rl.comparison.runner import run_all

NAME = "pib_rl.compare"
CAPTION = "return of the final policy, greedy, on noisy hardware; measured: physical measurements; writes: per device"


def main(arguments: list[str]) -> None:
    """The command; exit code 1 if a run failed."""
    config = parse(CompareConfig, arguments, NAME)
    jobs = plan(config)
    folder = ComparisonFolder.create(config)
    todo = [job for job in jobs if not folder.finished(job)]
    if len(todo) < len(jobs):
        print(f"{folder.path}: {len(jobs) - len(todo)} of {len(jobs)} runs are finished already")
    command = f"python -m {NAME} {shlex.join(arguments)}"
    try:
        failures = run_all(todo, folder, config.steps, config.jobs or os.cpu_count() or 1, config.progress)
    except KeyboardInterrupt:
        write_report(config, jobs, folder, [], command)
        raise UserError(f"interrupted; finished runs are in {folder.path}, the same command goes on there") from None
    standings = write_report(config, jobs, folder, failures, command)
    console = Console()
    if standings:
        console.print(table.terminal(standings, title(config), CAPTION))
        console.print(f"report: {folder.path / 'report.html'}", soft_wrap=True, highlight=False)
    for failure in failures:
        log = folder.logs / f"{failure.job.name}.log"
        print(f"{NAME}: failed: {failure.job.name}: {failure.reason} (log: {log})", file=sys.stderr)
    if failures:
        raise SystemExit(FAILURE)


if __name__ == "__main__":
    run(NAME, main)
