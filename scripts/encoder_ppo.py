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
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

import numpy as np

TASK, STEPS, LOGGED, EPISODES, SOLVED = "CartPole-v1", 50_000, 4_000, 100, 475.0
UNITS = ("unsupervised", "fabricated")


def call(*arguments: str) -> str:
    """Runs Python; returns what it printed last, raises RuntimeError with its last words if it fails."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        why = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise RuntimeError(f"{' '.join(arguments)}: {why[-1]}")
    return done.stdout.strip().splitlines()[-1]


def learned(seed: int, options: argparse.Namespace) -> Path:
    """The run folder of units that learned from logged observations, each by itself.

    What followed a step later is left out of the log: units that learn to ignore how the two differ may lose speeds.
    """
    log, run = options.out / f"{TASK}-s{seed}.npz", options.out / f"{options.hw}-w{options.width}-s{seed}"
    if not log.is_file():
        pairs = log.with_name(f"{TASK}-s{seed}-pairs.npz")
        call(
            "-m",
            "pib_rl.log",
            TASK,
            "--timesteps",
            str(LOGGED),
            "--seed",
            str(seed),
            "--out",
            str(pairs),
            "--no-progress",
        )
        with np.load(pairs) as logged:
            np.savez_compressed(log, x_train=logged["x_train"])
    if not (run / "result.json").is_file():
        call(
            "-m",
            "pib_rl.learn",
            str(log),
            "--target",
            "views",
            "--hw",
            options.hw,
            "--width",
            str(options.width),
            "--units",
            "2",
            "--views",
            "swap=0",
            "noise=0.1",
            "--epochs",
            "40",
            "--seed",
            str(seed),
            "--out",
            str(run),
            "--no-progress",
        )
    return run


def trained(job: tuple[int, str], options: argparse.Namespace) -> float:
    """Final mean return of one seed, trained in a process of its own."""
    seed, units = job
    run = ["--run", str(options.out / f"{options.hw}-w{options.width}-s{seed}")] if units == UNITS[0] else []
    value = float(call(__file__, "--one", str(seed), "--hw", options.hw, "--width", str(options.width), *run))
    print(f"seed {seed}, {units}: {value:.1f}", flush=True)
    return value


def one(options: argparse.Namespace) -> float:
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
    seed, env = options.one, gym.make(TASK)
    fresh = FreshChip(hw=options.hw, width=options.width, units=2, seed=seed, samples=LOGGED)
    model = fresh.network(env) if options.run is None else load_units(options.run, 4)
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
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--run", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one is not None:
        print(one(options))
        return
    options.out.mkdir(parents=True, exist_ok=True)
    plan = list(product(options.seeds, UNITS))
    with ThreadPoolExecutor(options.jobs) as pool:
        list(pool.map(lambda seed: learned(seed, options), options.seeds))
        found = dict(zip(plan, pool.map(lambda job: trained(job, options), plan), strict=True))
    print(
        f"\n| units, {options.hw}, width {options.width} | "
        + " | ".join(f"seed {seed}" for seed in options.seeds)
        + f" | {SOLVED:.0f} or more |\n|---|"
        + "---|" * (len(options.seeds) + 1)
    )
    for units in UNITS:
        returns = [found[seed, units] for seed in options.seeds]
        print(
            f"| {units} | "
            + " | ".join(f"{value:.1f}" for value in returns)
            + f" | {sum(value >= SOLVED for value in returns)} of {len(returns)} |"
        )


if __name__ == "__main__":
    main()
