"""Measures what units that learned without labels, from logged observations of random actions, save a policy.

    python scripts/benchmark_pretraining.py [TASK ...] [--hw HW ...] [--seeds S ...] [--out DIR] [--jobs J]

Per task, substrate and seed: a log of random actions, an encoder that learns from it, then policies with and without
its units, learning (pib) and left as they are (frozen). Prints a Markdown table: final returns, and after how many
environment steps, those of the log included, an evaluation first reached the environment's threshold. Finished runs in
DIR (default pretraining) are not repeated. Settings were chosen on seed 1.
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

SEEDS = range(125, 130)
HARDWARE = ("memristive", "optical")
LEARNERS = ("pib", "frozen")
LOOKS = 20  # evaluations of a training: they tell when it first reached the threshold


class Task(NamedTuple):
    """Environment with its options, size of the network, steps to train, steps to log."""

    env: tuple[str, ...]
    width: int
    timesteps: int
    logged: int


TASKS = {
    "noise": Task(("CartPole-v1", "--distractors", "32"), 16, 100_000, 4_000),
    "lander": Task(("LunarLander-v3",), 64, 500_000, 20_000),
}


def chip(name: str, hw: str, seed: int, out: Path) -> dict[tuple[str, bool], dict[str, Any]]:
    """All runs of one chip: results by learner and whether the units had learned before."""
    task, found = TASKS[name], {}
    log, encoder = out / f"{name}-s{seed}-{hw}.npz", out / f"{name}-{hw}-encoder-s{seed}"
    network = ["--hw", hw, "--width", task.width, "--seed", seed]
    if not log.is_file():
        jobs.command("log", *task.env, "--timesteps", task.logged, "--seed", seed, "--out", log)
    jobs.make_run(encoder, "learn", log, "--target", "views", "--units", 2, *network)
    for learner, before in product(LEARNERS, (False, True)):
        run = out / f"{name}-{hw}-{learner}{'-init' if before else ''}-s{seed}"
        arguments = [*task.env, *network, "--timesteps", task.timesteps, "--learner", learner, "--looks", LOOKS]
        found[learner, before] = jobs.make_run(run, "train", *arguments, *(["--init", encoder] if before else []))
    return found


def row(results: list[dict[str, Any]], logged: int) -> str:
    """Final returns, and steps until the threshold was first reached."""
    returns = ", ".join(f"{result['eval_mean']:.0f}" for result in results)
    solved = [result["solved_at_step"] for result in results]
    reached = sorted(step + logged for step in solved if step is not None)
    if len(reached) * 2 <= len(solved):
        return f"{returns} | - ({len(reached)} of {len(solved)})"
    median = statistics.median([*reached, *[float("inf")] * (len(solved) - len(reached))])
    return f"{returns} | {median:,.0f} ({len(reached)} of {len(solved)})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tasks", nargs="*", metavar="TASK", help=f"{', '.join(TASKS)}; all by default")
    parser.add_argument("--hw", nargs="+", default=HARDWARE, metavar="HW")
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS, metavar="S")
    parser.add_argument("--out", type=Path, default=Path("pretraining"))
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    unknown = set(options.tasks) - set(TASKS)
    if unknown:
        parser.error(f"unknown task {min(unknown)}; choose among {', '.join(TASKS)}")
    plan = list(product(options.tasks or TASKS, options.hw, options.seeds))
    calls = {one: partial(chip, *one, options.out) for one in plan}
    found, failed = jobs.side_by_side(calls, options.jobs, unit="chip")
    print("\n| task | substrate | units | final return | threshold first reached, median step, log included |")
    print("|---|---|---|---|---|")
    for name, hw in product(options.tasks or TASKS, options.hw):
        chips = [found[name, hw, seed] for seed in options.seeds if (name, hw, seed) in found]
        for learner, before in product(LEARNERS, (False, True)):
            results, logged = [one[learner, before] for one in chips], TASKS[name].logged if before else 0
            print(f"| {name} | {hw} | {learner}{', learned before' if before else ''} | {row(results, logged)} |")
    jobs.end(failed)


if __name__ == "__main__":
    main()
