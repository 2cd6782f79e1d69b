"""Measures learning from data: PIB, frozen units and backpropagation on every substrate, 5 seeds.

    python scripts/benchmark_lessons.py [TASK ...] [--data mnist] [--hw HW ...] [--learners NAME ...] [--seeds S ...]
        [--out DIR] [--results DIR] [--jobs J] [--no-runs]

Prints Markdown tables: mean and standard deviation, over seeds, of figures of the final network on test images, noisy
hardware, in %. With labels (tasks dense, patches, deep) that is the accuracy; without (task views) linear probes with
all and with 500 labels, 5 nearest neighbours, and NMI of clusters times 100, beside the same figures of the pixels and
of their principal components; backpropagation is a denoising autoencoder there.

Run folders are made in --out (default lessons), their figures go to --results (default docs/results), one .csv per
task: what stands there is not measured again, so that everything can be measured in several goes. Seed by seed: an
early stop leaves something of everything. Settings are those that are shipped (pib_rl/hyperparams/lessons.yml), chosen
on images held out of the training set, seed 0; seeds 100 and up were never looked at before they were measured.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import product
from pathlib import Path
from typing import Any

from tqdm import tqdm

from pib_rl.agents.rivals import MODES
from pib_rl.cli import UserError, run
from pib_rl.runs import write_atomically

PATCHES = ["--patches", "16:5:2", "32:3:2", "--width", "512", "--units", "1", "--batch-size", "128"]
TASKS = {
    "dense": ["--width", "512", "--units", "3", "--epochs", "15"],
    "patches": [*PATCHES, "--epochs", "15", "--views", "strength=0.5"],
    "deep": ["--width", "512", "--units", "6", "--epochs", "15"],
    "views": ["--mode", "unsupervised", *PATCHES, "--epochs", "8"],
}
ACCURACY = {"test_accuracy": "accuracy"}
JUDGED = {"probe_accuracy": "probe", "probe_500_accuracy": "500 labels", "knn_accuracy": "5-NN", "nmi": "NMI"}
BESIDE = {"inputs": "pixels", "pca": "PCA"}  # parts of a result without labels that no learner is behind
HARDWARE = ("digital", "memristive", "optical")
LEARNERS = ("pib", "frozen", "backprop", "backprop-off")
FIRST_SEED, SEEDS = 100, 5
NAMED = ("hw", "learner", "seed")
COUNTED = ("epochs", "train_samples", "test_samples", "wall_s", "measurements", "writes")

Plan = tuple[str, str, int]  # substrate, learner, seed
Row = dict[str, str]


def columns(task: str) -> list[str]:
    """Of a task's .csv."""
    figures = list(JUDGED) if task == "views" else list(ACCURACY)
    beside = [f"{part}.{name}" for part in BESIDE for name in figures] if task == "views" else []
    return [*NAMED, *figures, *beside, *COUNTED]


def read(path: Path, task: str) -> dict[Plan, Row]:
    """What was measured before.

    Raises:
        UserError: If the file is none of this script's.
    """
    if not path.is_file():
        return {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        if any(row.get(name) is None for row in rows for name in columns(task)):
            raise UserError(f"{path} lacks columns of {task}, {', '.join(columns(task))}; restore it, or move it away")
        return {(row["hw"], row["learner"], int(row["seed"])): row for row in rows}
    except ValueError as error:
        raise UserError(f"{path} can't be read: {error}; restore it, or move it away") from None


def write(path: Path, task: str, rows: dict[Plan, Row]) -> None:
    """All rows, in order."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns(task), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows[key] for key in sorted(rows))
    write_atomically(path, text.getvalue().encode())


def train(data: str, task: str, one: Plan, out: Path) -> Row:
    """Trains once, unless it is done already.

    Raises:
        RuntimeError: If it fails, with its last words.
    """
    hw, learner, seed = one
    path = out / f"{task}-{hw}-{learner}-s{seed}"
    if not (path / "result.json").is_file():
        rival = [] if learner == "pib" else ["--rival", learner]
        command = [sys.executable, "-m", "pib_rl.learn", data, *TASKS[task], *rival, "--hw", hw, "--seed", str(seed),
                   "--out", str(path), "--no-progress"]
        done = subprocess.run(command, capture_output=True, text=True, check=False,
                              env={**os.environ, "OMP_NUM_THREADS": "1"})
        if done.returncode:
            why = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
            raise RuntimeError(f"{path.name} failed: {why[-1]}")
    result: dict[str, Any] = json.loads((path / "result.json").read_text())
    result |= {f"{part}.{name}": value for part in BESIDE for name, value in result.get(part, {}).items()}
    return {name: str(result.get(name, "")) for name in columns(task)} | dict(zip(NAMED, map(str, one), strict=True))


def measure(task: str, plan: list[Plan], options: argparse.Namespace) -> dict[Plan, Row]:
    """Makes the runs that are missing; a failing one is reported and the others go on."""
    path = options.results / f"{Path(options.data).stem}-{task}.csv"
    rows = read(path, task)
    missing = [] if options.no_runs else [one for one in plan if one not in rows]
    with ThreadPoolExecutor(options.jobs) as pool:
        jobs = {pool.submit(train, options.data, task, one, options.out): one for one in missing}
        for job in tqdm(as_completed(jobs), total=len(jobs), unit="run", desc=task, disable=not missing):
            try:
                rows[jobs[job]] = job.result()
            except RuntimeError as error:
                tqdm.write(str(error), file=sys.stderr)
                continue
            write(path, task, rows)
    return rows


def cell(found: list[str]) -> str:
    """Mean and standard deviation in %, with the number of runs where some are missing."""
    known = [100 * float(value) for value in found if value]
    if not known:
        return "-"
    spread = f" +- {statistics.stdev(known):.2f}" if len(known) > 1 else ""
    return f"{statistics.mean(known):.2f}{spread}" + (f" ({len(known)} runs)" if len(known) < len(found) else "")


def table(task: str, rows: dict[Plan, Row], options: argparse.Namespace) -> str:
    """Learners down, substrates and figures across."""
    figures = JUDGED if task == "views" else ACCURACY
    heads = [f"{hw}, {label}" for hw in options.hw for label in figures.values()]
    lines = [f"| {task} | {' | '.join(heads)} |", f"|---|{'---|' * len(heads)}"]
    beside = [(label, options.learners[0], f"{part}.") for part, label in BESIDE.items() if task == "views"]
    for label, learner, part in [*((name, name, "") for name in options.learners), *beside]:
        cells = [cell([rows.get((hw, learner, seed), {}).get(part + name, "") for seed in options.seeds])
                 for hw in options.hw for name in figures]
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="*", metavar="TASK", help=f"{', '.join(TASKS)}; all by default")
    parser.add_argument("--data", default="mnist", help="name or path, as python -m pib_rl.learn takes it")
    parser.add_argument("--hw", nargs="+", default=HARDWARE, choices=HARDWARE, metavar="HW")
    parser.add_argument("--learners", nargs="+", default=LEARNERS, choices=sorted(set(MODES) - {"es"}), metavar="NAME")
    parser.add_argument("--seeds", nargs="+", type=int, default=range(FIRST_SEED, FIRST_SEED + SEEDS), metavar="S")
    parser.add_argument("--out", type=Path, default=Path("lessons"))
    parser.add_argument("--results", type=Path, default=Path(__file__).parents[1] / "docs" / "results")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--no-runs", action="store_true", help="print what was measured before, and measure nothing")
    options = parser.parse_args(arguments)
    unknown = set(options.tasks) - set(TASKS)
    if unknown:
        raise UserError(f"unknown task {min(unknown)}; choose among {', '.join(TASKS)}")
    if options.jobs < 1:
        raise UserError(f"--jobs must be 1 or more, got {options.jobs}")
    if not options.results.is_dir():
        raise UserError(f"there is no folder {options.results} for --results; make it, or name another")
    plan = [(hw, learner, seed) for seed, hw, learner in product(options.seeds, options.hw, options.learners)]
    short = False
    for task in options.tasks or list(TASKS):
        rows = measure(task, plan, options)
        short |= any(one not in rows for one in plan)
        print(f"\n{table(task, rows, options)}", flush=True)
    if short and not options.no_runs:
        raise SystemExit(1)


if __name__ == "__main__":
    run("benchmark_lessons.py", main)
