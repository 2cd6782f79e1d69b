"""Measures learning from data: PIB, frozen units and backpropagation (exact, 20 % off) on every substrate, 5 seeds.

    python scripts/benchmark_lessons.py [TASK ...] [--data mnist] [--hw HW ...] [--learners NAME ...] [--seeds S ...]
        [--out DIR] [--jobs J]

Prints Markdown tables: mean and standard deviation, over seeds, of figures of the final network on test images, noisy
hardware, in %. With labels (tasks dense, patches, deep) that is the accuracy; without (task views) linear probes with
all and with 500 labels, 5 nearest neighbours, and NMI of clusters times 100, beside the same figures of the pixels and
of their principal components; backpropagation is a denoising autoencoder there. Finished runs in DIR (default lessons)
are not repeated. Settings are those that are shipped (pib_rl/hyperparams/lessons.yml), chosen on images held out of the
training set, seed 0; seeds 100 and up were never looked at before they were measured.
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
from typing import Any

from tqdm import tqdm

from pib_rl.agents.rivals import MODES

TASKS = {
    "dense": ["--width", "512", "--units", "3", "--epochs", "15"],
    "patches": ["--patches", "16:5:2", "32:3:2", "--width", "512", "--units", "1", "--epochs", "10"],
    "deep": ["--width", "512", "--units", "6", "--epochs", "15"],
    "views": ["--mode", "unsupervised", "--patches", "16:5:2", "32:3:2", "--width", "512", "--units", "1",
              "--batch-size", "128", "--epochs", "8"],
}
ACCURACY = {"test_accuracy": "accuracy"}
JUDGED = {"probe_accuracy": "probe", "probe_500_accuracy": "500 labels", "knn_accuracy": "5-NN", "nmi": "NMI"}
BESIDE = {"inputs": "pixels", "pca": "PCA"}  # parts of a result without labels that no learner is behind
HARDWARE = ("digital", "memristive", "optical")
LEARNERS = ("pib", "frozen", "backprop", "backprop-off")
FIRST_SEED, SEEDS = 100, 5


def run(data: str, task: str, hw: str, learner: str, seed: int, out: Path) -> dict[str, Any]:
    """Trains once, unless it is done already; the result, empty after a failure, which is reported."""
    path = out / f"{task}-{hw}-{learner}-s{seed}"
    if not (path / "result.json").is_file():
        rival = [] if learner == "pib" else ["--rival", learner]
        command = [sys.executable, "-m", "pib_rl.learn", data, *TASKS[task], *rival, "--hw", hw, "--seed", str(seed),
                   "--out", str(path), "--no-progress"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            why = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
            print(f"{path.name} failed: {why[-1]}", file=sys.stderr)
            return {}
    return dict(json.loads((path / "result.json").read_text()))


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
        figures = JUDGED if task == "views" else ACCURACY
        heads = [f"{hw}, {label}" for hw in options.hw for label in figures.values()]
        print(f"\n| {task} | {' | '.join(heads)} |\n|---|{'---|' * len(heads)}")
        results = {(learner, hw): [found[task, hw, learner, seed] for seed in options.seeds]
                   for learner in options.learners for hw in options.hw}
        for learner in options.learners:
            print(row(learner, [results[learner, hw] for hw in options.hw], figures))
        for part, label in BESIDE.items() if figures is JUDGED else ():
            beside = [[result.get(part, {}) for result in results[options.learners[0], hw]] for hw in options.hw]
            print(row(label, beside, figures))


def row(label: str, columns: list[list[dict[str, Any]]], figures: dict[str, str]) -> str:
    """One line of a table: all figures of all substrates."""
    cells = [cell([result.get(key) for result in results]) for results in columns for key in figures]
    return f"| {label} | {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
