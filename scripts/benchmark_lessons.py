"""Measures learning from labels: PIB, frozen units and backpropagation (exact, 20 % off) on every substrate, 5 seeds.

    python scripts/benchmark_lessons.py [TASK ...] [--data mnist] [--hw HW ...] [--learners NAME ...] [--seeds S ...]
        [--out DIR] [--jobs J]

Prints a Markdown table per task: mean and standard deviation of the accuracy of the final network on test images, noisy
hardware, in %. Finished runs in DIR (default lessons) are not repeated. Settings are those that are shipped
(pib_rl/hyperparams/lessons.yml), chosen on images held out of the training set, seed 0; seeds 100 and up were never
looked at before they were measured.
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

from tqdm import tqdm

from pib_rl.agents.rivals import MODES

TASKS = {
    "dense": ["--width", "512", "--units", "3", "--epochs", "15"],
    "patches": ["--patches", "16:5:2", "32:3:2", "--width", "512", "--units", "1", "--epochs", "10"],
    "deep": ["--width", "512", "--units", "6", "--epochs", "15"],
}
HARDWARE = ("digital", "memristive", "optical")
LEARNERS = ("pib", "frozen", "backprop", "backprop-off")
FIRST_SEED, SEEDS = 100, 5


def run(data: str, task: str, hw: str, learner: str, seed: int, out: Path) -> float | None:
    """Trains once, unless it is done already; the accuracy, or None after a failure, which is reported."""
    path = out / f"{task}-{hw}-{learner}-s{seed}"
    if not (path / "result.json").is_file():
        rival = [] if learner == "pib" else ["--rival", learner]
        command = [sys.executable, "-m", "pib_rl.learn", data, *TASKS[task], *rival, "--hw", hw, "--seed", str(seed),
                   "--out", str(path), "--no-progress"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            why = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
            print(f"{path.name} failed: {why[-1]}", file=sys.stderr)
            return None
    return float(json.loads((path / "result.json").read_text())["test_accuracy"])


def cell(values: list[float | None]) -> str:
    """Mean and standard deviation in %, with the number of runs where some are missing."""
    known = [100 * value for value in values if value is not None]
    if not known:
        return "-"
    spread = f" +- {statistics.stdev(known):.2f}" if len(known) > 1 else ""
    return f"{statistics.mean(known):.2f}{spread}" + (f" ({len(known)} runs)" if len(known) < len(values) else "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tasks", nargs="*", metavar="TASK", help=f"{', '.join(TASKS)}; all by default")
    parser.add_argument("--data", default="mnist", help="name or path, as python -m pib_rl.learn takes it")
    parser.add_argument("--hw", nargs="+", default=HARDWARE, choices=HARDWARE, metavar="HW")
    parser.add_argument("--learners", nargs="+", default=LEARNERS, choices=sorted(set(MODES) - {"es"}), metavar="NAME")
    parser.add_argument("--seeds", nargs="+", type=int, default=range(FIRST_SEED, FIRST_SEED + SEEDS), metavar="S")
    parser.add_argument("--out", type=Path, default=Path("lessons"))
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    unknown = set(options.tasks) - set(TASKS)
    if unknown:
        parser.error(f"unknown task {min(unknown)}; choose among {', '.join(TASKS)}")
    tasks = options.tasks or list(TASKS)
    plan = list(product(tasks, options.hw, options.learners, options.seeds))
    with ThreadPoolExecutor(options.jobs) as pool:
        jobs = pool.map(lambda one: run(options.data, *one, options.out), plan)
        found = dict(zip(plan, tqdm(jobs, total=len(plan), unit="run"), strict=True))
    for task in tasks:
        print(f"\n| {task} | {' | '.join(options.hw)} |\n|---|{'---|' * len(options.hw)}")
        for learner in options.learners:
            cells = [cell([found[task, hw, learner, seed] for seed in options.seeds]) for hw in options.hw]
            print(f"| {learner} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
