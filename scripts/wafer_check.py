"""Whether seeds reach the same as chips of a wafer and in runs of their own: means with 95 % intervals.

    python scripts/wafer_check.py [--out DIR] [--seeds N] [--timesteps N] [--jobs N]

Two comparisons of PIB on CartPole-v1, digital and memristive: one with --wafers, one with --no-wafers. The chips are
the same in both. Intervals are those of Student's t, for the difference in the form of Welch. What is there is not made
again. Prints a table in Markdown.
"""

from __future__ import annotations

import argparse
import csv
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jobs import command
from scipy import stats

WAYS = {"alone": "--no-wafers", "wafer": "--wafers"}
SUBSTRATES = ("digital", "memristive")
SOLVED = 475.0


class Interval(NamedTuple):
    """A mean and the ends of its 95 % interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.0f} [{self.low:.0f}, {self.high:.0f}]"


def mean_of(values: np.ndarray) -> Interval:
    """The mean of values, shape (n,), with its interval."""
    low, high = stats.ttest_1samp(values, 0).confidence_interval()
    return Interval(float(values.mean()), float(low), float(high))


def difference(first: np.ndarray, second: np.ndarray) -> Interval:
    """Mean of the first values minus that of the second ones, with its interval."""
    low, high = stats.ttest_ind(first, second, equal_var=False).confidence_interval()
    return Interval(float(first.mean() - second.mean()), float(low), float(high))


def finals(folder: Path, hw: str) -> np.ndarray:
    """Final returns of all runs of a comparison on a substrate."""
    with (folder / "results.csv").open(newline="") as file:
        return np.array([float(row["eval_mean"]) for row in csv.DictReader(file) if row["hw"] == hw])


def table(folders: dict[str, Path]) -> str:
    """The comparison of both ways, in Markdown."""
    lines = ["| substrate | alone | solved | wafer | solved | difference |", "|---|---|---|---|---|---|"]
    for hw in SUBSTRATES:
        found = {way: finals(folder, hw) for way, folder in folders.items()}
        cells = [f"{mean_of(one)} | {(one >= SOLVED).sum()} of {len(one)}" for one in found.values()]
        lines.append(f"| {hw} | {' | '.join(cells)} | {difference(found['wafer'], found['alone'])} |")
    return "\n".join(lines)


def main() -> None:
    """The script."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("runs/wafer_check"))
    parser.add_argument("--seeds", type=int, default=16)
    parser.add_argument("--timesteps", type=int, default=16_000)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    folders = {way: asked.out / way for way in WAYS}
    common = ["CartPole-v1", "--hw", *SUBSTRATES, "--learner", "pib", "--seeds", asked.seeds]
    common += ["--timesteps", asked.timesteps, "--jobs", asked.jobs]
    for way, option in WAYS.items():
        command("compare", *common, option, "--out", folders[way])
    print(table(folders))


if __name__ == "__main__":
    main()
