"""PPO of Stable-Baselines3 on top of analog hardware: CartPole-v1 through units learned without labels, or fabricated.

    python scripts/encoder_ppo.py [--seeds S ...] [--hw HW] [--width W] [--out DIR] [--jobs J]

Per seed: a log of random actions, units that learn from it without labels (pib_rl.log and pib_rl.learn), then PPO on
what the chip's media show, once with these units and once with the same chip as fabricated, 50,000 steps each. Prints a
Markdown table: returns of 100 fresh episodes on noisy hardware, final policy, most likely action. Finished logs and
units in DIR (default encoders) are not made again. PPO has the settings of rl-baselines3-zoo for CartPole-v1
(hyperparams/ppo.yml). Settings were chosen on seeds 1 and 2.
"""

from __future__ import annotations

import argparse
import os
from functools import partial
from itertools import product
from pathlib import Path

import jobs
import numpy as np

TASK, STEPS, LOGGED, EPISODES, SOLVED = "CartPole-v1", 50_000, 4_000, 100, 475.0
UNITS = ("unsupervised", "fabricated")


def learned(seed: int, options: argparse.Namespace) -> Path:
    """The run folder of units that learned from logged observations, each by itself.

    What followed a step later is left out of the log: units that learn to ignore how the two differ may lose speeds.
    """
    log, run = options.out / f"{TASK}-s{seed}.npz", options.out / f"{options.hw}-w{options.width}-s{seed}"
    if not log.is_file():
        pairs = log.with_name(f"{TASK}-s{seed}-pairs.npz")
        jobs.command("log", TASK, "--timesteps", LOGGED, "--seed", seed, "--out", pairs)
        with np.load(pairs) as logged:
            np.savez_compressed(log, x_train=logged["x_train"])
    network = ["--hw", options.hw, "--width", options.width, "--units", 2, "--seed", seed]
    arguments = ["--target", "views", "--views", "swap=0", "noise=0.1", "--epochs", 40, *network]
    jobs.make_run(run, "learn", log, *arguments)
    return run


def trained(seed: int, units: str, options: argparse.Namespace) -> float:
    """Trains PPO on one chip; mean return of fresh episodes."""
    import gymnasium as gym
    import torch
    from stable_baselines3 import PPO
    from stable_baselines3.common.evaluation import evaluate_policy
    from stable_baselines3.common.utils import LinearSchedule

    from pib_rl.agents.saved import load_units
    from pib_rl.common.streams import ENVIRONMENT, EVALUATION, Streams
    from pib_rl.envs import FreshChip, VecHardwareEncoder, make_vec_env

    torch.set_num_threads(1)
    if units == UNITS[0]:
        model = load_units(learned(seed, options), 4)
    else:
        model = FreshChip(hw=options.hw, width=options.width, units=2, seed=seed, samples=LOGGED).network(
            gym.make(TASK)
        )
    training, final = (Streams(seed).integer(name) for name in (ENVIRONMENT, EVALUATION))
    venv = VecHardwareEncoder(make_vec_env(TASK, 8, training), model, seed=training)
    agent = PPO(
        "MlpPolicy",
        venv,
        n_steps=32,
        batch_size=256,
        gae_lambda=0.8,
        gamma=0.98,
        n_epochs=20,
        ent_coef=0.0,
        learning_rate=LinearSchedule(1e-3, 0.0, 1.0),
        clip_range=LinearSchedule(0.2, 0.0, 1.0),
        seed=seed,
        device="cpu",
    )
    agent.learn(STEPS)
    judge = VecHardwareEncoder(make_vec_env(TASK, EPISODES, final), model, seed=final)
    return float(evaluate_policy(agent, judge, EPISODES, deterministic=True, warn=False)[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", nargs="+", type=int, default=range(140, 145), metavar="S")
    parser.add_argument("--hw", default="memristive")
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--out", type=Path, default=Path("encoders"))
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    plan = list(product(options.seeds, UNITS))
    calls = {one: partial(trained, *one, options) for one in plan}
    found, failed = jobs.side_by_side(calls, options.jobs, processes=True)
    print(
        f"\n| units, {options.hw}, width {options.width} | "
        + " | ".join(f"seed {seed}" for seed in options.seeds)
        + f" | {SOLVED:.0f} or more |\n|---|"
        + "---|" * (len(options.seeds) + 1)
    )
    for units in UNITS:
        returns = [found[seed, units] for seed in options.seeds if (seed, units) in found]
        cells = [f"{found[seed, units]:.1f}" if (seed, units) in found else "-" for seed in options.seeds]
        print(f"| {units} | {' | '.join(cells)} | {sum(value >= SOLVED for value in returns)} of {len(returns)} |")
    jobs.end(failed)


if __name__ == "__main__":
    main()
