"""All figures of speed, as ratios within one run, and which aims they meet: docs/performance.md.

    python scripts/benchmark_speed.py [--only ROW ...] [--seeds S ...] [--data mnist] [--quick] [--figure PNG]

Every row is a script that runs alone too, with options of its own:

    steps        steps_time.py       environment steps per CPU second, beside PPO
    solve        solve_time.py       CPU time to solve CartPole, beside PPO
    evaluations  evaluation_time.py  what evaluations during a training cost
    classifiers  estimator_time.py   fits of small tables, beside a multilayer perceptron
    wafer        wafer_time.py       many chips, beside one
    reads        substrate_time.py   one measurement, beside the plain matrix product
    operations   operation_time.py   what a measurement is made of, beside the same product
    epoch        epoch_time.py       an epoch of MNIST, beside plain torch
    iteration    iteration_time.py   where the time of an iteration goes

Prints a table per row as soon as it is there, and at the end one with all aims. A row that fails is reported at the
end, and the others go on. CPU seconds, one torch thread: about 15 minutes on an idle core, 3 with --quick.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import epoch_time
import estimator_time
import evaluation_time
import iteration_time
import jobs
import operation_time
import solve_time
import steps_time
import substrate_time
import wafer_time
from timing import Aim, Parser, Report, aims_table, picture_path, progress, versions, whole

from pib_rl.cli.cli import UserError, run
from pib_rl.cli.process import settle_in
from pib_rl.learning.data import load

ROWS: dict[str, Callable[..., Report]] = {
    "steps": steps_time.report,
    "solve": solve_time.report,
    "evaluations": evaluation_time.report,
    "classifiers": estimator_time.report,
    "wafer": wafer_time.report,
    "reads": substrate_time.report,
    "operations": operation_time.report,
    "epoch": epoch_time.report,
    "iteration": iteration_time.report,
}
SEEDED = ("solve", "classifiers")
QUICK: dict[str, dict[str, Any]] = {  # a first look: fewer rounds and seeds, figures that scatter
    "steps": {"timesteps": 10_240, "rounds": 1},
    "solve": {"seeds": (200,)},
    "evaluations": {"tasks": {"CartPole-v1": evaluation_time.TASKS["CartPole-v1"]}, "rounds": 1},
    "classifiers": {"seeds": (100,)},
    "wafer": {"timesteps": 4096, "rounds": 1},
    "reads": {"rounds": 10},
    "operations": {"rounds": 10},
    "epoch": {"hw": ("optical",), "epochs": 1},
    "iteration": {"iterations": 3},
}


def calls(
    rows: list[str], seeds: list[int] | None, data: str, figure: Path | None, quick: bool
) -> dict[str, Callable[[], Report]]:
    """What makes each row, by name."""
    options: dict[str, dict[str, Any]] = {row: dict(QUICK[row]) if quick else {} for row in ROWS}
    options["epoch"]["data"] = data
    options["iteration"]["picture"] = figure
    if seeds is not None:
        for row in SEEDED:
            options[row]["seeds"] = seeds
    return {row: partial(ROWS[row], **options[row]) for row in ROWS if row in rows}


def measure(rows: Mapping[str, Callable[[], Report]]) -> tuple[list[Aim], list[str]]:
    """All aims of the rows, and one line about each row that failed; prints every table when it is there."""
    aims, failed = [], []
    for row in progress(list(rows), "row"):
        try:
            report = rows[row]()
        except (UserError, RuntimeError, ValueError, OSError) as error:
            failed.append(f"{row} failed: {error}")
            continue
        print(f"\n### {row}\n", *report.lines, sep="\n", flush=True)
        aims += report.aims
    return aims, failed


def main(arguments: list[str]) -> None:
    parser = Parser(__doc__)
    parser.add_argument("--only", nargs="+", choices=ROWS, default=list(ROWS), metavar="ROW", help="rows to measure")
    parser.add_argument("--seeds", type=whole(0), nargs="+", metavar="S", help="of solve and classifiers")
    parser.add_argument("--data", default="mnist", help="of epoch: mnist, or the path of an .npz file")
    parser.add_argument("--figure", type=picture_path, metavar="PNG", help="bars of iteration")
    parser.add_argument("--quick", action="store_true", help="a first look")
    given = parser.parse_args(arguments)
    if given.figure and "iteration" not in given.only:
        raise UserError("--figure draws the row iteration, which --only leaves out; add it there")
    if "epoch" in given.only:
        load(given.data)  # before anything is measured: a wrong path would show at the end
    settle_in()
    print(f"{datetime.date.today()}; {versions()}; one torch thread, CPU seconds")
    aims, failed = measure(calls(given.only, given.seeds, given.data, given.figure, given.quick))
    if aims:
        print("\n### aims\n", *aims_table(aims), sep="\n", flush=True)
    jobs.end(failed)


if __name__ == "__main__":
    run("benchmark_speed", main)
