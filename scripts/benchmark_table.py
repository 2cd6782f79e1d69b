"""Gathers the comparisons of benchmark_rl.sh in one Markdown table: tasks and substrates down, contenders across.

    python scripts/benchmark_table.py comparisons [RESULTS]

RESULTS is a folder to which each comparison's results.csv is copied under the task's name.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np

from pib_rl.comparison.statistics import Estimate, estimate
from pib_rl.comparison.table import score
from pib_rl.runs import write_atomically

TASKS = {  # folder: name, the interquartile mean to reach, the limit that frozen units should stay below
    "cartpole": ("CartPole-v1, 80k steps", "500"),
    "cartpole-noise": ("CartPole-v1 + 32 noise dimensions, width 16, 100k", "490, frozen below 350"),
    "acrobot": ("Acrobot-v1, 200k", "-82"),
    "pendulum": ("Pendulum-v1, 200k", "-200"),
    "mountaincar": ("MountainCarContinuous-v0, 100k", "85"),
    "lander-w64": ("LunarLander-v3, width 64, 1M", "240, frozen clearly below"),
    "lander-w256": ("LunarLander-v3, width 256, 1M", "250"),
    "walker": ("BipedalWalker-v3, 3M, 3 seeds", "-"),
}
RIVALS = ("frozen", "backprop", "backprop-off")
SOFTWARE = "ppo"


def cell(runs: dict[tuple[str, str], list[float]], contender: str, hw: str, wanted: int) -> str:
    finals = runs.get((contender, hw))
    if not finals:
        return "-"
    found: Estimate = estimate([np.array(finals)])
    return score(found) + (f" ({len(finals)} runs)" if len(finals) < wanted else "")


def main(comparisons: Path, results: Path | None) -> None:
    print("| task | to reach | substrate | PIB | frozen | backprop, exact twin | backprop, 20 % off | PPO, software |")
    print("|---|---|---|---|---|---|---|---|")
    for name, (title, aim) in TASKS.items():
        path = comparisons / name / "results.csv"
        if not path.is_file():
            continue
        if results is not None:
            write_atomically(results / f"{name}.csv", path.read_bytes())
        runs: dict[tuple[str, str], list[float]] = {}
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                runs.setdefault((row["contender"], row["hw"]), []).append(float(row["eval_mean"]))
        wanted = max(len(finals) for finals in runs.values())
        for hw in dict.fromkeys(hw for _, hw in runs if hw != "software"):
            shown = [cell(runs, contender, hw, wanted) for contender in ("pib", *RIVALS)]
            print(f"| {title} | {aim} | {hw} | **{shown[0]}** | {' | '.join(shown[1:])} | "
                  f"{cell(runs, SOFTWARE, 'software', wanted)} |")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) == 3 else None)
