"""Time that wrappers take of a step, beside the bare environment.

    python scripts/wrapper_time.py [--seconds S] [--rounds N]

Steps per second by `gymnasium.utils.performance.benchmark_step` with random actions, resets included, one torch thread:
medians over rounds in which all take turns. Fresh chips of width 64 and two units, noisy reads.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import torch
from gymnasium.utils.performance import benchmark_step

from pib_rl.envs import Distractors, FreshChip, HardwareEncoder, HardwareLoop

TASKS, HARDWARE = ("CartPole-v1", "Pendulum-v1", "LunarLander-v3"), ("digital", "memristive", "optical")
Wrap = Callable[[gym.Env[Any, Any]], gym.Env[Any, Any]]


def wrappers() -> dict[str, Wrap]:
    """What is timed, by name."""
    found: dict[str, Wrap] = {"bare": lambda env: env, "Distractors, 32": lambda env: Distractors(env, 32)}
    for hw in HARDWARE:
        found[f"HardwareEncoder, {hw}"] = lambda env, hw=hw: HardwareEncoder(env, FreshChip(hw))
        found[f"HardwareLoop, {hw}"] = lambda env, hw=hw: HardwareLoop(env, FreshChip(hw), greedy=False)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print("| task | wrapper | steps per second | ms a step beside the bare task |\n|---|---|---|---|")
    for task in TASKS:
        envs = {name: wrap(gym.make(task)) for name, wrap in wrappers().items()}
        rates: dict[str, list[float]] = {name: [] for name in envs}
        for _ in range(options.rounds):
            for name, env in envs.items():
                rates[name].append(benchmark_step(env, options.seconds, seed=0))
        bare = statistics.median(rates["bare"])
        for name, seen in rates.items():
            rate = statistics.median(seen)
            print(f"| {task} | {name} | {rate:,.0f} | {1e3 * (1 / rate - 1 / bare):.3f} |", flush=True)


if __name__ == "__main__":
    main()
