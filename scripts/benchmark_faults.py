"""Measures what breaks and what comes back: faults of trained chips, and learning on in place.

    python scripts/benchmark_faults.py [TASK ...] [--hw HW ...] [--seeds S ...] [--data D] [--out DIR] [--jobs J]

Task digits: three dense units learn MNIST, then half of all devices get stuck (memristive), or every medium turns into
another one (optical); two epochs in place follow. Task cartpole: after 25,000 steps, 30 % of all devices get stuck, or
every medium turns by 45 degrees; 25,000 steps in place follow. PIB goes on from the same broken chip beside frozen
units, whose readout goes on learning, and backpropagation, whose digital twin is the chip of before the fault.

Prints a Markdown table per task: mean and standard deviation over seeds, noisy hardware, before the fault, after it,
and at the end; in brackets how many chips solve the environment. Every chip breaks by its own seed.
Finished runs in DIR (default faults) are not repeated; what was broken off is made anew. Settings are those that are
shipped. How learning goes on was chosen on seeds 1 and 2.
"""

from __future__ import annotations

import argparse
import os
import statistics
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import jobs

SEEDS = range(140, 145)
HARDWARE = ("memristive", "optical")
LABELS = {"pib": "PIB", "frozen": "frozen units", "backprop-stale": "backprop, twin of before"}


class Task(NamedTuple):
    """The command that trains, its arguments, what breaks by substrate, and for how long it learns on."""

    command: str
    training: tuple[str, ...]
    faults: dict[str, str]
    after: tuple[str, ...]
    solved: float | None = None


TASKS = {
    "digits": Task(
        "learn",
        ("--units", "3", "--width", "512", "--epochs", "10"),
        {"memristive": "stuck:0.5", "optical": "rotate-medium:90"},
        ("--epochs", "2"),
    ),
    "cartpole": Task(
        "train",
        ("CartPole-v1", "--timesteps", "25000"),
        {"memristive": "stuck:0.3", "optical": "rotate-medium:45"},
        ("--timesteps", "25000"),
        475.0,
    ),
}


def chip(name: str, hw: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """Trains one chip, breaks it and lets all learners learn on; the result of the adaptation."""
    task, run = TASKS[name], options.out / f"{name}-{hw}-s{seed}"
    data = [options.data] if task.command == "learn" else []
    jobs.make_run(run, task.command, *data, *task.training, "--hw", hw, "--seed", seed)
    others = [learner for learner in LABELS if learner != "pib"]
    arguments = ["--fault", task.faults[hw], *task.after, "--learner", *others, "--seed", seed]
    return jobs.make_run(run.with_name(f"{run.name}-adapted"), "adapt", run, *arguments)


def cell(values: list[float], percent: bool, solved: float | None) -> str:
    """Mean and standard deviation, and how many solve the task."""
    if not values:
        return "-"
    scaled = [100 * value for value in values] if percent else values
    digits = 2 if percent else 1
    spread = f" +- {statistics.stdev(scaled):.{digits}f}" if len(scaled) > 1 else ""
    share = "" if solved is None else f" ({sum(value >= solved for value in values)} of {len(values)})"
    return f"{statistics.mean(scaled):.{digits}f}{spread}{share}"


def row(name: str, hw: str, results: list[dict[str, Any]]) -> str:
    """One line of a table."""
    percent = bool(results and results[0]["percent"])
    columns = [[result["before"] for result in results], [result["after"] for result in results]]
    columns += [[result["learners"][name]["final"] for result in results] for name in LABELS]
    cells = [cell(column, percent, TASKS[name].solved) for column in columns]
    return f"| {hw} | `{TASKS[name].faults[hw]}` | {' | '.join(cells)} | {len(results)} |"


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="*", metavar="TASK", help=f"{', '.join(TASKS)}; all by default")
    parser.add_argument("--hw", nargs="+", default=HARDWARE, choices=HARDWARE, metavar="HW")
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS, metavar="S")
    parser.add_argument("--data", default="mnist", help="name or path, as python -m pib_rl.learn takes it")
    parser.add_argument("--out", type=Path, default=Path("faults"))
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    if unknown := set(options.tasks) - set(TASKS):
        parser.error(f"unknown task {min(unknown)}; choose among {', '.join(TASKS)}")
    options.tasks = list(dict.fromkeys(options.tasks or TASKS))
    return options


def main() -> None:
    options = read_arguments()
    plan = [(task, hw, seed) for seed, task, hw in product(options.seeds, options.tasks, options.hw)]
    found, failed = jobs.side_by_side({one: partial(chip, *one, options) for one in plan}, options.jobs, unit="chip")
    for name in options.tasks:
        length = " ".join(TASKS[name].after).removeprefix("--")
        print(f"\n{name}, then {length} in place\n")
        print(f"| substrate | fault | before | after it | {' | '.join(LABELS.values())} | chips |")
        print("|---|---|---|---|---|---|---|---|")
        for hw in options.hw:
            results = [found[name, hw, seed] for seed in options.seeds if (name, hw, seed) in found]
            print(row(name, hw, results), flush=True)
    jobs.end(failed)


if __name__ == "__main__":
    main()
