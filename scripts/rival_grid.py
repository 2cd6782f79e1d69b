"""Tunes a rival: six settings of its own on CartPole with 32 noise dimensions, width 16, seeds 0 and 1.

    python scripts/rival_grid.py RIVAL [--hw HW ...] [--out DIR] [--jobs J]

Prints a Markdown row per setting: greedy returns of the last policy on noisy hardware, 50 episodes, one per seed. What
the grid does not name stays as PIB has it. Finished runs in DIR (default grids) are not repeated.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm

from pib_rl.common.options import nearest
from pib_rl.physical.registry import names

TASK = ["CartPole-v1", "--distractors", "32", "--width", "16", "--timesteps", "60000", "--eval-episodes", "50"]
SEEDS = (0, 1)
STEPS = {"hidden_rate": (3e-4, 1e-3, 3e-3), "hidden_decay": (1, 4)}
GRIDS = {
    "backprop": STEPS,
    "dfa": STEPS,
    "forward-forward": STEPS,
    "spsa": {"hidden_rate": (3e-4, 1e-3, 3e-3), "perturbation": (0.02, 0.1)},
    "es": {"displacement": (0.05, 0.1, 0.2), "step": (0.05, 0.2)},
}
FLAGS = {"es": ["--n-envs", "2"]}


def settings(rival: str) -> list[dict[str, float]]:
    """The six settings of a rival's grid."""
    grid = GRIDS[rival]
    return [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]


def folder(out: Path, rival: str, hw: str, setting: dict[str, float], seed: int) -> Path:
    return out / "-".join([rival, hw, *(f"{name}={value}" for name, value in setting.items()), f"s{seed}"])


def run(out: Path, rival: str, hw: str, setting: dict[str, float], seed: int) -> None:
    """Trains once, unless it is done already; a failing run is reported, and others go on."""
    path = folder(out, rival, hw, setting, seed)
    if (path / "result.json").is_file():
        return
    rule = [f"{name}={value}" for name, value in setting.items()]
    command = [
        sys.executable,
        "-m",
        "pib_rl.train",
        *TASK,
        *FLAGS.get(rival, []),
        "--learner",
        rival,
        "--hw",
        hw,
        "--seed",
        str(seed),
        "--rule",
        *rule,
        "--out",
        str(path),
        "--no-progress",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        why = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        print(f"{path.name} failed: {why[-1]}", file=sys.stderr)


def reached(path: Path) -> str:
    """The return of a finished run, - of an unfinished one."""
    result = path / "result.json"
    return f"{json.loads(result.read_text())['eval_mean']:.0f}" if result.is_file() else "-"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("learner", choices=list(GRIDS))
    parser.add_argument("--hw", nargs="+", default=["memristive", "optical"])
    parser.add_argument("--out", type=Path, default=Path("grids"))
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    if options.jobs < 1:
        parser.error(f"--jobs must be 1 or more, got {options.jobs}")
    if unknown := [hw for hw in options.hw if hw not in names()]:
        parser.error(f"unknown substrate {unknown[0]!r} in --hw; {nearest(unknown[0], names())}")
    rival, out = options.rival, options.out
    jobs = [(out, rival, hw, setting, seed) for setting in settings(rival) for hw in options.hw for seed in SEEDS]
    if out.exists() and not out.is_dir():
        parser.error(f"--out {out} is a file; give a folder")
    with ThreadPoolExecutor(options.jobs) as pool:
        for _ in tqdm(pool.map(lambda job: run(*job), jobs), total=len(jobs), unit="run"):
            pass
    print("| " + " | ".join([*GRIDS[rival], *options.hw]) + " |")
    print("|" + "---|" * (len(GRIDS[rival]) + len(options.hw)))
    for setting in settings(rival):
        cells = [", ".join(reached(folder(out, rival, hw, setting, seed)) for seed in SEEDS) for hw in options.hw]
        print("| " + " | ".join([*map(str, setting.values()), *cells]) + " |")
    if any(not (folder(*job) / "result.json").is_file() for job in jobs):
        sys.exit(1)


if __name__ == "__main__":
    main()
