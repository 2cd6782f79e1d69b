"""Does depth pay? One to six units on MinAtar Breakout, for PIB, frozen units and backpropagation: docs/lab/depth.md.

    python scripts/depth_study.py [--timesteps N] [--seed S] [--out DIR]

Digital, width 128, pixels as one flat vector, 16 environments a chip, entropy 0.01. PIB and frozen units: a wafer of
two chips; backpropagation through the exact twin: the same two chips, one run each. Prints a Markdown table: mean
return of the episodes in the last tenth of the training, and of 30 greedy episodes on noisy hardware, at most 2000
steps each. Rows are those of the chips; finished runs in DIR (default docs/results) are not repeated.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

import study_rows as rows
import torch
from late_returns import LateReturns

from pib_rl.agents import PIB
from pib_rl.common.streams import EVALUATION, Streams
from pib_rl.envs import make_vec_env
from pib_rl.physical.substrate import Read
from pib_rl.training.evaluation import evaluate

TASK, WIDTH, ENVS, EPISODES, LONGEST = "MinAtar/Breakout-v1", 128, 16, 30, 2000
UNITS, WAFER = (1, 6, 2, 4), 2  # the ends first: they tell most, if a study is broken off
LEARNERS = {"pib": WAFER, "frozen": WAFER, "backprop": 1}  # chips that are trained together


def trained(learner: str, units: int, steps: int, seed: int, chips: int) -> list[dict[str, Any]]:
    """Trains ``chips`` chips together; a row for each."""
    agent = PIB(
        "MlpPolicy",
        make_vec_env(TASK, ENVS * chips, seed),
        hw="digital",
        width=WIDTH,
        units=units,
        learner=learner,
        ent_coef=0.01,
        gamma=0.99,
        chips=chips,
        seed=seed,
        device="cpu",
    )
    late = LateReturns(chips, 0.9 * steps)
    agent.learn(steps, late)
    fresh = partial(make_vec_env, TASK, seed=Streams(seed).integer(EVALUATION), max_episode_steps=LONGEST)
    greedy = evaluate(agent.policy, fresh, EPISODES, Read.NOISY).reshape(chips, -1).mean(1)
    return [
        {"seed": seed + chip, "training": f"{training:.5g}", "greedy": f"{returns:.5g}"}
        for chip, (training, returns) in enumerate(zip(late.means(), greedy, strict=True))
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--timesteps", type=int, default=16_384)
    parser.add_argument("--seed", type=int, default=400, help="the first of the two chips")
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    path = options.out / "depth.csv"
    for units in UNITS:
        for learner, chips in LEARNERS.items():
            for seed in range(options.seed, options.seed + WAFER, chips):
                named = {"learner": learner, "units": units, "timesteps": options.timesteps, "first": seed}
                run = partial(trained, learner, units, options.timesteps, seed, chips)
                rows.run_once(path, named, run)
    measured = rows.pick(rows.read(path), timesteps=options.timesteps)
    print("| learner | units | last tenth of the training | greedy |\n|---|---|---|---|")
    for learner in LEARNERS:
        for units in sorted(UNITS):
            own = rows.pick(measured, learner=learner, units=units)
            cells = [", ".join(f"{value:.1f}" for value in rows.column(own, name)) for name in ("training", "greedy")]
            print(f"| {learner} | {units} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
