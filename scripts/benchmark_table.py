"""Gathers the comparisons of benchmark_rl.sh in one Markdown table: tasks and substrates down, contenders across.

    python scripts/benchmark_table.py COMPARISONS RESULTS

RESULTS keeps the raw data, one file per task: a run replaces the one of the same contender, substrate and seed that was
there, the rest stays. The table shows RESULTS, so that contenders and seeds can be measured in several goes. Where a
rule has changed, take out what its older form measured with other seeds.
"""

from __future__ import annotations

import csv
import io
import sys
from collections import Counter
from pathlib import Path

import numpy as np

from pib_rl.cli import UserError, read_yaml
from pib_rl.comparison.folder import MARK
from pib_rl.comparison.results import ROW
from pib_rl.comparison.statistics import Estimate, estimate
from pib_rl.comparison.table import score
from pib_rl.runs import write_atomically

TASKS = {  # folder: name, the interquartile mean to reach, environment, steps, width, noise dimensions
    "cartpole": ("CartPole-v1, 80k steps", "500", "CartPole-v1", 80_000, 64, 0),
    "cartpole-noise": ("CartPole-v1 + 32 noise dimensions, width 16, 100k", "490, frozen below 350", "CartPole-v1",
                       100_000, 16, 32),
    "acrobot": ("Acrobot-v1, 200k", "-82, not worse than frozen", "Acrobot-v1", 200_000, 64, 0),
    "pendulum": ("Pendulum-v1, 200k", "-200", "Pendulum-v1", 200_000, 64, 0),
    "mountaincar": ("MountainCarContinuous-v0, 100k", "85", "MountainCarContinuous-v0", 100_000, 64, 0),
    "lander-w64": ("LunarLander-v3, width 64, 1M", "240, frozen clearly below", "LunarLander-v3", 1_000_000, 64, 0),
    "lander-w256": ("LunarLander-v3, width 256, 1M", "250, not worse than frozen", "LunarLander-v3", 1_000_000, 256, 0),
    "walker": ("BipedalWalker-v3, 3M, 3 seeds", "-", "BipedalWalker-v3", 3_000_000, 64, 0),
}
RIVALS = ("frozen", "backprop", "backprop-off")
SOFTWARE = "ppo"


Rows = list[dict[str, str]]


def read(path: Path) -> Rows:
    """The rows of a results.csv; none where there is none."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        if missing := [name for name in ROW if row.get(name) is None]:
            sys.exit(f"{path} is no results.csv of python -m pib_rl.compare: it lacks {', '.join(missing)}")
    return rows


def check_task(folder: Path, task: tuple[str, int, int, int]) -> None:
    """Makes sure that a comparison is one of the task that its folder is named after."""
    if not (folder / "results.csv").is_file():
        return
    stored = read_yaml(folder / MARK)
    found = tuple(stored.get(name) for name in ("env", "timesteps", "width", "distractors"))
    if found != task:
        sys.exit(f"{folder} compares another task {found}, expected {task}")


def merged(old: Rows, new: Rows) -> Rows:
    """The rows of both, each run once, the new one where it was measured again."""
    runs = {(row["contender"], row["hw"], row["seed"]): row for row in old + new}
    return list(runs.values())


def written(rows: Rows) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def cell(rows: Rows, contender: str, hw: str, wanted: int) -> str:
    finals = [float(row["eval_mean"]) for row in rows if (row["contender"], row["hw"]) == (contender, hw)]
    if not finals:
        return "-"
    found: Estimate = estimate([np.array(finals)])
    return score(found) + (f" ({len(finals)} runs)" if len(finals) < wanted else "")


def main(comparisons: Path, results: Path) -> None:
    if not results.is_dir():
        sys.exit(f"{results} is no folder; give the one that keeps the raw data, such as docs/results")
    print("| task | to reach | substrate | PIB | frozen | backprop, exact twin | backprop, 20 % off | PPO, software |")
    print("|---|---|---|---|---|---|---|---|")
    for name, (title, aim, *task) in TASKS.items():
        check_task(comparisons / name, tuple(task))
        new = read(comparisons / name / "results.csv")
        rows = merged(read(results / f"{name}.csv"), new)
        if not rows:
            continue
        if new:
            write_atomically(results / f"{name}.csv", written(rows))
        wanted = max(Counter((row["contender"], row["hw"]) for row in rows).values())
        for hw in dict.fromkeys(row["hw"] for row in rows if row["hw"] != "software"):
            shown = [cell(rows, contender, hw, wanted) for contender in ("pib", *RIVALS)]
            print(f"| {title} | {aim} | {hw} | **{shown[0]}** | {' | '.join(shown[1:])} | "
                  f"{cell(rows, SOFTWARE, 'software', wanted)} |")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        main(Path(sys.argv[1]), Path(sys.argv[2]))
    except UserError as error:
        sys.exit(str(error))
