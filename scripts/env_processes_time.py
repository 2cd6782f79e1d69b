"""When environments in processes of their own pay: steps per second, for environments that take long for a step.

    python scripts/env_processes_time.py [--milliseconds 0.05 0.5 5] [--processes 1 2 4] [--n-envs 16] [--steps 100]

An environment waits so many milliseconds of each step, as one does that is on another machine or a real thing, or it
computes as long. Only steps count, not the start of processes, which is shown for itself.
"""

from __future__ import annotations

import argparse
import sys
import time
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
from stable_baselines3.common.vec_env import DummyVecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnv

from pib_rl.envs.processes import ProcessVecEnv


class Slow(gym.Env[Any, Any]):
    """Takes a given time for a step: waits, or keeps its processor busy.

    Args:
        seconds: How long, in s.
        computes: Whether it computes meanwhile.
    """

    def __init__(self, seconds: float, computes: bool) -> None:
        self.observation_space = gym.spaces.Box(-1, 1, (8,))
        self.action_space = gym.spaces.Discrete(2)
        self.seconds, self.computes = seconds, computes

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        return np.zeros(8, np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        if self.computes:
            until = time.thread_time() + self.seconds  # of this process alone: others on the processor do not count
            while time.thread_time() < until:
                pass
        else:
            time.sleep(self.seconds)
        return np.zeros(8, np.float32), 0.0, False, False, {}


def make(count: int, seconds: float, computes: bool) -> DummyVecEnv:
    """So many of them, one after the other."""
    return DummyVecEnv([partial(Slow, seconds, computes)] * count)


def steps_per_s(venv: VecEnv, steps: int) -> float:
    """Steps of all environments per second, median of five goes."""
    venv.reset()
    rates = []
    for _ in range(5):
        begin = time.perf_counter()
        for _ in range(max(1, steps // 5)):
            venv.step(np.zeros(venv.num_envs, dtype=int))
        rates.append(max(1, steps // 5) * venv.num_envs / (time.perf_counter() - begin))
    return float(np.median(rates))


def main(arguments: list[str]) -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(prog="env_processes_time.py", allow_abbrev=False)
    parser.add_argument("--milliseconds", type=float, nargs="+", default=[0.05, 0.5, 5.0])
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--n-envs", type=int, default=16)
    parser.add_argument("--steps", type=int, default=100)
    config = parser.parse_args(arguments)
    names = " | ".join(f"{count} process{'es' * (count > 1)}" for count in config.processes)
    print(f"| a step takes | {names} | start, s |\n|---|{'---|' * len(config.processes)}---|")
    for computes in (False, True):
        for milliseconds in config.milliseconds:
            cells, start = [], 0.0
            for count in config.processes:
                own = partial(make, config.n_envs // count, milliseconds / 1e3, computes)
                begin = time.perf_counter()
                venv: VecEnv = own() if count == 1 else ProcessVecEnv([own] * count)
                start = time.perf_counter() - begin
                cells.append(f"{steps_per_s(venv, config.steps):,.0f}")
                venv.close()
            what = "computing" if computes else "waiting"
            print(f"| {milliseconds:g} ms, {what} | {' | '.join(cells)} | {start:.1f} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
