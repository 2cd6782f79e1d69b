"""Measures learning from data: PIB, frozen units and backpropagation on every substrate, 5 seeds.

    python scripts/benchmark_learn.py [TASK ...] [--data mnist] [--hw HW ...] [--learners NAME ...] [--seeds S ...]
        [--device D] [--out DIR] [--results DIR] [--jobs J] [--no-runs]

Prints Markdown tables: mean and standard deviation, over seeds, of figures of the final network on test images, noisy
hardware, in %. With labels (tasks dense, patches, deep) that is the accuracy; without (task views) linear probes with
all and with 500 labels, 5 nearest neighbours, and NMI of clusters times 100, beside the same figures of the pixels and
of their principal components; backpropagation is a denoising autoencoder there.

Run folders are made in --out (default lessons), their figures go to --results (default docs/results), one .csv per
task and file name of the data: what stands there with today's settings, arguments and those shipped with the package,
is not measured again, so that everything can be measured in several goes, also on several machines: a device draws
other numbers from the same seeds, and rows say which device measured them. Seed by seed: an early stop leaves something
of everything. Settings are those that are shipped (pib_rl/hyperparams/estimators.yml), chosen on images held out of the
training set, seed 0; what had been seen of the seeds measured here, docs/supervised.md tells.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import shutil
import statistics
import sys
import zlib
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import jobs
from filelock import FileLock

from pib_rl import __version__
from pib_rl.agents.estimators.settings import shipped
from pib_rl.agents.learners import registry
from pib_rl.cli.cli import UserError, mistakes, run
from pib_rl.cli.process import check_device
from pib_rl.common.atomic import write_atomically
from pib_rl.learning.data import load

VIEWS = ["--views", "strength=0.5"]
DENSE = ["--width", "512", "--epochs", "25", "--batch-size", "512", *VIEWS]
PATCHES = ["--patches", "32:5:2", "64:3:2", "--width", "512", "--units", "1", "--batch-size", "128"]
TASKS = {
    "dense": [*DENSE, "--units", "3"],
    "patches": [*PATCHES, "--epochs", "15", *VIEWS],
    "deep": [*DENSE, "--units", "6"],
    "views": ["--target", "views", *PATCHES, "--epochs", "6"],
}
CAMERAS = ["--hw-options", "pixels_per_drive=8"]  # of patch units on optical hardware: squares have few drives
ACCURACY = {"test_accuracy": "accuracy"}
JUDGED = {"probe_accuracy": "probe", "probe_500_accuracy": "500 labels", "knn_accuracy": "5-NN", "nmi": "NMI"}
BESIDE = {"inputs": "pixels", "pca": "PCA"}  # parts of a result without labels that no learner is behind
HARDWARE = ("digital", "memristive", "optical")
LEARNERS = ("pib", "frozen", "backprop", "backprop-off")
FIRST_SEED, SEEDS = 100, 5
NAMED = ("hw", "learner", "seed")
COUNTED = ("epochs", "train_samples", "test_samples", "wall_s", "measurements", "writes", "device")


class One(NamedTuple):
    """A run."""

    task: str
    hw: str
    learner: str
    seed: int


Row = dict[str, str]
Key = tuple[str, str, int]  # substrate, learner, seed


def flags(task: str, hw: str, learner: str) -> list[str]:
    """Arguments of ``python -m pib_rl.learn`` that make a task.

    Without labels only features are judged, and those of frozen units do not change: an epoch sets their gain controls.
    """
    chosen = [*TASKS[task], *(CAMERAS if hw == "optical" and "--patches" in TASKS[task] else [])]
    if task == "views" and learner == "frozen":
        chosen[chosen.index("--epochs") + 1] = "1"
    return chosen


def settings(task: str, hw: str, learner: str) -> str:
    """All settings of a run, as rows name them: arguments of the command, then those that are shipped."""
    arguments = flags(task, hw, learner)
    kept = shipped(hw, learner, images=True, labels=task != "views", patches="--patches" in arguments)
    return f"{' '.join(arguments)} {json.dumps(kept, sort_keys=True)}"


def columns(task: str) -> list[str]:
    """Of a task's .csv."""
    figures = list(JUDGED) if task == "views" else list(ACCURACY)
    beside = [f"{part}.{name}" for part in BESIDE for name in figures] if task == "views" else []
    return [*NAMED, *figures, *beside, *COUNTED, "settings", "version"]


class Results:
    """Figures of all runs of one task: a .csv that other processes may write to as well.

    Args:
        path: The file; it need not exist.
        task: The task.

    Raises:
        UserError: If the file is none of this script's.
    """

    def __init__(self, path: Path, task: str) -> None:
        self.path = path
        self.task = task
        if old := len(self.stored()) - len(self.known()):
            print(
                f"{path}: {old} rows were measured with other settings than those of {task} now and do not count; "
                "they are replaced as they are measured again",
                file=sys.stderr,
            )

    def stored(self) -> dict[Key, Row]:
        """All that the file holds."""
        names = columns(self.task)
        try:
            with self.path.open(newline="", encoding="utf-8") as file:
                reader = csv.DictReader(file)
                rows = list(reader)
            if reader.fieldnames != names:
                raise UserError(f"{self.path} must have the columns {', '.join(names)}; restore it, or move it away")
            for row in rows:
                for name in names[len(NAMED) : -len(COUNTED) - 2]:
                    float(row[name])
            return {(row["hw"], row["learner"], int(row["seed"])): row for row in rows}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, csv.Error) as error:
            raise UserError(f"{self.path} can't be read: {error}; restore it, or move it away") from None

    def known(self) -> dict[Key, Row]:
        """What was measured with today's settings."""
        return {
            key: row
            for key, row in self.stored().items()
            if row["settings"] == settings(self.task, row["hw"], row["learner"])
        }

    def add(self, row: Row) -> None:
        """Puts a row in its place; the others stay."""
        with FileLock(f"{self.path}.lock"):
            rows = self.stored() | {(row["hw"], row["learner"], int(row["seed"])): row}
            text = io.StringIO()
            writer = csv.DictWriter(text, columns(self.task), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows[key] for key in sorted(rows))
            write_atomically(self.path, text.getvalue().encode())


class Runner:
    """Makes runs, each in a process of its own.

    Args:
        data: Name or path.
        out: Where run folders go; those that are not finished yet lie in ``unfinished`` there.
        device: Where a substrate is simulated.
    """

    def __init__(self, data: str, out: Path, device: str = "cpu") -> None:
        self.data = data
        self.out = out
        self.device = device

    def train(self, one: One) -> Row:
        """Trains once, unless it is done already.

        Raises:
            RuntimeError: If it fails, with its last words.
        """
        name = self.name(one)
        path, half = self.out / name, self.out / "unfinished" / name
        if path.exists():  # of an earlier go: the command makes sure that it is this very run
            self._learn(one, path)
        else:
            shutil.rmtree(half, ignore_errors=True)
            self._learn(one, half)
            half.rename(path)
        result: dict[str, Any] = json.loads((path / "result.json").read_text())
        result |= {f"{part}.{figure}": value for part in BESIDE for figure, value in result.get(part, {}).items()}
        result |= one._asdict() | {"settings": settings(*one[:3]), "version": __version__}
        return {name: str(result[name]) for name in columns(one.task)}

    def name(self, one: One) -> str:
        """Of a run's folder; it changes with the settings."""
        mark = zlib.crc32(settings(*one[:3]).encode())
        return f"{Path(self.data).stem}-{one.task}-{one.hw}-{one.learner}-s{one.seed}-{mark:08x}"

    def _learn(self, one: One, path: Path) -> None:
        learner = [] if one.learner == "pib" else ["--learner", one.learner]
        chip = ["--hw", one.hw, "--seed", one.seed, "--device", self.device]
        jobs.command("learn", self.data, *flags(*one[:3]), *learner, *chip, "--out", path)


def measure(missing: list[One], results: dict[str, Results], runner: Runner, at_once: int) -> list[str]:
    """Makes runs; a failing one is reported and the others go on.

    Returns:
        What failed.
    """

    def one_run(one: One) -> None:
        results[one.task].add(runner.train(one))

    return jobs.side_by_side({runner.name(one): partial(one_run, one) for one in missing}, at_once)[1]


def cell(found: list[str]) -> str:
    """Mean and standard deviation in %, with the number of runs where some are missing."""
    known = [100 * float(value) for value in found if value]
    if not known:
        return "-"
    spread = f" +- {statistics.stdev(known):.2f}" if len(known) > 1 else ""
    return f"{statistics.mean(known):.2f}{spread}" + (f" ({len(known)} runs)" if len(known) < len(found) else "")


def table(task: str, rows: dict[Key, Row], options: argparse.Namespace) -> str:
    """Learners down, substrates and figures across."""
    figures = JUDGED if task == "views" else ACCURACY
    heads = [f"{hw}, {label}" for hw in options.hw for label in figures.values()]
    lines = [f"| {task} | {' | '.join(heads)} |", f"|---|{'---|' * len(heads)}"]
    beside = [(label, options.learners[0], f"{part}.") for part, label in BESIDE.items() if task == "views"]
    for label, learner, part in [*((name, name, "") for name in options.learners), *beside]:
        cells = [
            cell([rows.get((hw, learner, seed), {}).get(part + name, "") for seed in options.seeds])
            for hw in options.hw
            for name in figures
        ]
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return "\n".join(lines)


def read_arguments(arguments: list[str]) -> argparse.Namespace:
    """Arguments, each name and seed once.

    Raises:
        UserError: If one does not fit.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="*", metavar="TASK", help=f"{', '.join(TASKS)}; all by default")
    parser.add_argument("--data", default="mnist", help="name or path, as python -m pib_rl.learn takes it")
    parser.add_argument("--hw", nargs="+", default=HARDWARE, choices=HARDWARE, metavar="HW")
    parser.add_argument(
        "--learners", nargs="+", default=LEARNERS, choices=sorted(set(registry.LEARNERS) - {"es"}), metavar="NAME"
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=range(FIRST_SEED, FIRST_SEED + SEEDS), metavar="S")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N")
    parser.add_argument("--out", type=Path, default=Path("lessons"))
    parser.add_argument("--results", type=Path, default=Path(__file__).parents[1] / "docs" / "results")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--no-runs", action="store_true", help="print what was measured before, and measure nothing")
    options = parser.parse_args(arguments)
    for name in ("tasks", "hw", "learners", "seeds"):
        setattr(options, name, list(dict.fromkeys(getattr(options, name))))
    options.tasks = options.tasks or list(TASKS)
    if unknown := [task for task in options.tasks if task not in TASKS]:
        raise UserError(f"unknown task {unknown[0]}; choose among {', '.join(TASKS)}")
    for name, value, least in (("--jobs", options.jobs, 1), ("--seeds", min(options.seeds), 0)):
        if value < least:
            raise UserError(f"{name} must be {least} or more, got {value}")
    if not options.results.is_dir():
        raise UserError(f"there is no folder {options.results} for --results; make it, or name another")
    return options


def main(arguments: list[str]) -> None:
    options = read_arguments(arguments)
    results = {task: Results(options.results / f"{Path(options.data).stem}-{task}.csv", task) for task in options.tasks}
    failed = []
    if not options.no_runs:
        with mistakes():
            check_device(options.device)
        if load(options.data).image is None:  # what is wrong with the data is told once, and first
            raise UserError(f"{options.data} must hold images, shape (n, height, width), got vectors")
        plan = (
            One(task, hw, learner, seed)
            for seed, task, hw, learner in product(options.seeds, options.tasks, options.hw, options.learners)
        )
        failed = measure(
            [one for one in plan if one[1:] not in results[one.task].known()],
            results,
            Runner(options.data, options.out, options.device),
            options.jobs,
        )
    for task in options.tasks:
        print(f"\n{table(task, results[task].known(), options)}", flush=True)
    jobs.end(failed)


if __name__ == "__main__":
    run("benchmark_learn.py", main)
