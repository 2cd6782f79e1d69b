"""Measures what units that learned without labels, from logged observations of random actions, save a policy.

    python scripts/benchmark_pretraining.py [TASK ...] [--hw HW ...] [--seeds S ...] [--out DIR] [--jobs J]

Per task, substrate and seed: a log of random actions, an encoder that learns from it, then policies with and without
its units, learning (pib) and left as they are (frozen). Prints a Markdown table: final returns, and after how many
environment steps, those of the log included, an evaluation first reached the environment's threshold. Finished runs in
DIR (default pretraining) are not repeated. Settings were chosen on seed 1.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

SEEDS = range(125, 130)
HARDWARE = ("memristive", "optical")
LEARNERS = ("pib", "frozen")


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


def call(module: str, *arguments: str) -> None:
    """Runs a command of the package; raises RuntimeError with its last words if it fails."""
    command = [sys.executable, "-m", f"pib_rl.{module}", *arguments, "--no-progress"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        why = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise RuntimeError(f"{module} {' '.join(arguments)}: {why[-1]}")


def chip(name: str, hw: str, seed: int, out: Path) -> dict[tuple[str, bool], dict[str, Any]]:
    """All runs of one chip: results by mode and whether the units had learned before."""
    task, found = TASKS[name], {}
    log, encoder = out / f"{name}-s{seed}-{hw}.npz", out / f"{name}-{hw}-encoder-s{seed}"
    if not log.is_file():
        call("log", *task.env, "--timesteps", str(task.logged), "--seed", str(seed), "--out", str(log))
    if not (encoder / "result.json").is_file():
        call(
            "learn",
            str(log),
            "--target",
            "views",
            "--hw",
            hw,
            "--width",
            str(task.width),
            "--units",
            "2",
            "--seed",
            str(seed),
            "--out",
            str(encoder),
        )
    for mode, before in product(LEARNERS, (False, True)):
        run = out / f"{name}-{hw}-{mode}{'-init' if before else ''}-s{seed}"
        if not (run / "result.json").is_file():
            call(
                "train",
                *task.env,
                "--hw",
                hw,
                "--width",
                str(task.width),
                "--timesteps",
                str(task.timesteps),
                "--learner",
                mode,
                "--seed",
                str(seed),
                *(["--init", str(encoder)] if before else []),
                "--out",
                str(run),
            )
        found[mode, before] = json.loads((run / "result.json").read_text())
    return found


def attempt(job: tuple[str, str, int], out: Path) -> dict[tuple[str, bool], dict[str, Any]]:
    """`chip`; a failure is reported and leaves an empty place."""
    try:
        return chip(*job, out)
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return {}


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
    with ThreadPoolExecutor(options.jobs) as pool:
        jobs = pool.map(lambda job: attempt(job, options.out), plan)
        found = dict(zip(plan, tqdm(jobs, total=len(plan), unit="chip"), strict=True))
    print("\n| task | substrate | units | final return | threshold first reached, median step, log included |")
    print("|---|---|---|---|---|")
    for name, hw in product(options.tasks or TASKS, options.hw):
        for mode, before in product(LEARNERS, (False, True)):
            results = [found[name, hw, seed][mode, before] for seed in options.seeds if found[name, hw, seed]]
            logged = TASKS[name].logged if before else 0
            print(f"| {name} | {hw} | {mode}{', learned before' if before else ''} | {row(results, logged)} |")


if __name__ == "__main__":
    main()
