"""Tunes a learner: six settings of its own on CartPole with 32 noise dimensions, width 16, seeds 0 and 1.

    python scripts/learner_grid.py LEARNER [--hw HW ...] [--out DIR] [--jobs J]

Prints a Markdown row per setting: greedy returns of the last policy on noisy hardware, 50 episodes, one per seed. What
the grid does not name stays as PIB has it. Finished runs in DIR (default grids) are not repeated.
"""

from __future__ import annotations

import argparse
import itertools
import os
from functools import partial
from pathlib import Path

import jobs

from pib_rl.common.options import nearest
from pib_rl.physical.registry import names

TASK = ["CartPole-v1", "--distractors", "32", "--width", "16", "--timesteps", "60000", "--eval-episodes", "50"]
SEEDS = (0, 1)
STEPS = {"hidden_rate": (3e-4, 1e-3, 3e-3), "hidden_decay": (1, 4)}
GRIDS = {
    "backprop": STEPS,
    "dfa": STEPS,
    "local-td": STEPS,
    "forward-forward": STEPS,
    "spsa": {"hidden_rate": (3e-4, 1e-3, 3e-3), "perturbation": (0.02, 0.1)},
    "es": {"displacement": (0.05, 0.1, 0.2), "step": (0.05, 0.2)},
}
FLAGS = {"es": ["--n-envs", "2"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("learner", choices=list(GRIDS))
    parser.add_argument("--hw", nargs="+", default=["memristive", "optical"])
    parser.add_argument("--out", type=Path, default=Path("grids"))
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    learner, grid = options.learner, GRIDS[options.learner]
    if options.jobs < 1:
        parser.error(f"--jobs must be 1 or more, got {options.jobs}")
    if unknown := [hw for hw in options.hw if hw not in names()]:
        parser.error(f"unknown substrate {unknown[0]!r} in --hw; {nearest(unknown[0], names())}")
    if options.out.exists() and not options.out.is_dir():
        parser.error(f"--out {options.out} is a file; give a folder")

    def run(setting: tuple[float, ...], hw: str, seed: int) -> float:
        rule = [f"{name}={value}" for name, value in zip(grid, setting, strict=True)]
        arguments = [*TASK, *FLAGS.get(learner, []), "--learner", learner, "--hw", hw, "--seed", seed, "--rule", *rule]
        return jobs.make_run(options.out / "-".join([learner, hw, *rule, f"s{seed}"]), "train", *arguments)["eval_mean"]

    settings = list(itertools.product(*grid.values()))
    plan = itertools.product(settings, options.hw, SEEDS)
    found, failed = jobs.side_by_side({one: partial(run, *one) for one in plan}, options.jobs)
    reached = {one: f"{value:.0f}" for one, value in found.items()}
    print("| " + " | ".join([*grid, *options.hw]) + " |")
    print("|" + "---|" * (len(grid) + len(options.hw)))
    for setting in settings:
        cells = [", ".join(reached.get((setting, hw, seed), "-") for seed in SEEDS) for hw in options.hw]
        print("| " + " | ".join([*map(str, setting), *cells]) + " |")
    jobs.end(failed)


if __name__ == "__main__":
    main()
