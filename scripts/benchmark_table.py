"""Gathers the comparisons of benchmark_rl.sh in one Markdown table: tasks and substrates down, learners across.

    python scripts/benchmark_table.py COMPARISONS RESULTS

RESULTS keeps the raw data, one file per task: a run replaces the one of the same learner, substrate and seed that was
there, the rest stays. The table shows RESULTS, so that learners and seeds can be measured in several goes; learners
that no task has get no column. Where a rule has changed, take out what its older form measured with other seeds.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pib_rl.cli.cli import UserError, read_yaml, run
from pib_rl.common.atomic import write_atomically
from pib_rl.comparison.folder import MARK
from pib_rl.comparison.intervals import Estimate, estimate, verdict
from pib_rl.comparison.table import score
from pib_rl.runs.result import TRAIN, RunResult
from pib_rl.training.settings.software import SOFTWARE


class Task(NamedTuple):
    """A row of the table: its name, the interquartile mean to reach, and what the comparison ran."""

    name: str
    to_reach: str
    env: str
    timesteps: int
    width: int = 64
    distractors: int = 0
    seeds: int = 5


TASKS = {  # by folder
    "breakout-100k": Task("MinAtar Breakout, width 256, 100k steps", "-", "MinAtar/Breakout-v1", 100_000, width=256),
    "breakout": Task("MinAtar Breakout, width 256, 1M", "above frozen", "MinAtar/Breakout-v1", 1_000_000, width=256),
    "asterix": Task("MinAtar Asterix, width 256, 1M", "above frozen", "MinAtar/Asterix-v1", 1_000_000, width=256),
    "freeway": Task("MinAtar Freeway, width 256, 1M", "above frozen", "MinAtar/Freeway-v1", 1_000_000, width=256),
    "space-invaders": Task(
        "MinAtar Space Invaders, width 256, 300k steps", "-", "MinAtar/SpaceInvaders-v1", 300_000, width=256
    ),
    "cartpole": Task("CartPole-v1, 80k", "500", "CartPole-v1", 80_000),
    "cartpole-noise": Task(
        "CartPole-v1 + 32 noise dimensions, width 16, 100k",
        "500, frozen below 350",
        "CartPole-v1",
        100_000,
        width=16,
        distractors=32,
    ),
    "acrobot": Task("Acrobot-v1, 200k", "-82, not worse than frozen", "Acrobot-v1", 200_000),
    "pendulum": Task("Pendulum-v1, 200k", "-200", "Pendulum-v1", 200_000),
    "mountaincar": Task("MountainCarContinuous-v0, 100k", "85", "MountainCarContinuous-v0", 100_000),
    "lander-w64": Task("LunarLander-v3, width 64, 1M", "275, above frozen", "LunarLander-v3", 1_000_000),
    "lander-w256": Task(
        "LunarLander-v3, width 256, 1M", "250, not worse than frozen", "LunarLander-v3", 1_000_000, width=256
    ),
    "walker": Task("BipedalWalker-v3, 3M", "260, no chip below 220", "BipedalWalker-v3", 3_000_000, seeds=3),
    "hopper": Task("Hopper-v5, 1M", "80 % of PPO, above frozen", "Hopper-v5", 1_000_000, seeds=3),
    "halfcheetah": Task("HalfCheetah-v5, 1M", "80 % of PPO, above frozen", "HalfCheetah-v5", 1_000_000, seeds=3),
}
ROW = list(RunResult(kind=TRAIN).row())  # columns of results.csv
SETUP = ("env", "timesteps", "width", "distractors")
LEARNERS = {
    "pib": "PIB",
    "frozen": "frozen",
    "backprop": "backprop, exact twin",
    "backprop-off": "backprop, 20 % off",
    "ppo": "PPO, software",
}


Rows = list[dict[str, str]]


def read(path: Path) -> Rows:
    """The rows of a results.csv; none where there is none."""
    if not path.is_file():
        return []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        for row in rows:
            if missing := [name for name in ROW if row.get(name) is None]:
                raise UserError(f"{path} is no results.csv of python -m pib_rl.compare: it lacks {', '.join(missing)}")
            float(row["eval_mean"])
    except ValueError as error:
        raise UserError(f"{path} is no results.csv of python -m pib_rl.compare: {error}; restore it") from None
    return rows


def check_task(folder: Path, task: Task) -> None:
    """Makes sure that a comparison is one of the task that its folder is named after."""
    if not (folder / "results.csv").is_file():
        return
    stored = read_yaml(folder / MARK)
    found = tuple(stored.get(name) for name in SETUP)
    expected = tuple(getattr(task, name) for name in SETUP)
    if found != expected:
        raise UserError(f"{folder} compares another task {found}, expected {expected}")


def merged(old: Rows, new: Rows) -> Rows:
    """The rows of both, each run once, the new one where it was measured again."""
    runs = {(row["learner"], row["hw"], row["seed"]): row for row in old + new}
    return list(runs.values())


def written(rows: Rows) -> bytes:
    text = io.StringIO()
    columns = dict.fromkeys(name for row in rows for name in row)  # earlier rows may lack later columns
    writer = csv.DictWriter(text, list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def finals(rows: Rows, learner: str, hw: str) -> list[float]:
    """Final returns of a learner on a substrate; software has no substrate and stands beside each."""
    return [float(row["eval_mean"]) for row in rows if row["learner"] == learner and row["hw"] in (hw, SOFTWARE)]


def found(returns: list[float]) -> Estimate:
    return estimate([np.array(returns)])


def cell(returns: list[float], wanted: int) -> str:
    if not returns:
        return "-"
    runs = "1 run" if len(returns) == 1 else f"{len(returns)} runs"
    return score(found(returns)) + (f" ({runs})" if len(returns) != wanted else "")


def beside_frozen(rows: Rows, hw: str) -> str:
    """Whether the intervals of PIB and of frozen units are apart, and which way."""
    pib, frozen = (finals(rows, learner, hw) for learner in ("pib", "frozen"))
    return verdict(found(pib), found(frozen)) if pib and frozen else "-"


def chips_ahead(rows: Rows, hw: str) -> str:
    """On how many of the chips that both had trained units end above frozen ones."""
    by = [
        {row["seed"]: float(row["eval_mean"]) for row in rows if (row["learner"], row["hw"]) == (learner, hw)}
        for learner in ("pib", "frozen")
    ]
    both = by[0].keys() & by[1].keys()
    return f"{sum(by[0][seed] > by[1][seed] for seed in both)} of {len(both)}" if both else "-"


def gathered(comparisons: Path, results: Path) -> dict[str, Rows]:
    """The raw data of all tasks that have any, what is new merged in and written."""
    tasks = {}
    for name, task in TASKS.items():
        check_task(comparisons / name, task)
        new = read(comparisons / name / "results.csv")
        rows = merged(read(results / f"{name}.csv"), new)
        if new:
            write_atomically(results / f"{name}.csv", written(rows))
        if rows:
            tasks[name] = rows
    return tasks


def main(arguments: list[str]) -> None:
    if len(arguments) != 2:
        raise UserError(f"expected two folders, COMPARISONS and RESULTS, got {len(arguments)} arguments")
    comparisons, results = map(Path, arguments)
    for folder, example in (
        (comparisons, "comparisons, which benchmark_rl.sh makes"),
        (results, "docs/results, which keeps the raw data"),
    ):
        if not folder.is_dir():
            raise UserError(f"{folder} is no folder; give one such as {example}")
    tasks = gathered(comparisons, results)
    measured = {row["learner"] for rows in tasks.values() for row in rows}
    shown = [learner for learner in LEARNERS if learner in measured]
    heads = [
        "task",
        "to reach",
        "substrate",
        *(LEARNERS[learner] for learner in shown),
        "PIB beside frozen",
        "chips ahead",
    ]
    print(f"| {' | '.join(heads)} |")
    print("|---" * len(heads) + "|")
    for name, rows in tasks.items():
        task = TASKS[name]
        for hw in dict.fromkeys(row["hw"] for row in rows if row["hw"] != SOFTWARE):
            cells = [cell(finals(rows, learner, hw), task.seeds) for learner in shown]
            cells += [beside_frozen(rows, hw), chips_ahead(rows, hw)]
            print(f"| {' | '.join([task.name, task.to_reach, hw, *cells])} |")


if __name__ == "__main__":
    run("benchmark_table", main)
