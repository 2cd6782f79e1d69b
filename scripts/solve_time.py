"""Wall time to solve CartPole-v1: PIB on every substrate beside SB3 PPO, alternating in one process.

    python scripts/solve_time.py --seeds 100 101 102 103 104

PPO uses the settings of rl-baselines3-zoo (hyperparams/ppo.yml, CartPole-v1), once on the `DummyVecEnv` that the zoo
makes and once on the same vectorised environment that PIB uses. Both algorithms are evaluated alike: every 2048
steps, 20 greedy episodes; solved at the first mean of 475. The time is that of training alone, without evaluations
and without the import of libraries, one torch thread each.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from stable_baselines3 import PPO
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env as make_dummy
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.utils import LinearSchedule

from pib_rl.agents import PIB, Reader
from pib_rl.envs import make_vec_env
from pib_rl.physical import Read
from pib_rl.training.tuned import tuned

EVERY, EPISODES, SOLVED, LIMIT = 2048, 20, 475.0, 100_000


class Stopwatch(BaseCallback):
    """Stops at the first evaluation that solves the task; counts the seconds outside evaluations."""

    def __init__(self) -> None:
        super().__init__()
        self.next, self.seconds, self.solved_at = EVERY, 0.0, None

    def _on_training_start(self) -> None:
        self.start = time.perf_counter()

    def _on_step(self) -> bool:
        return self.solved_at is None

    def _on_rollout_start(self) -> None:
        if self.num_timesteps < self.next:
            return
        self.next += EVERY
        self.seconds += time.perf_counter() - self.start
        player = Reader(self.model.policy, Read.NOISY) if isinstance(self.model, PIB) else self.model
        mean, _ = evaluate_policy(player, make_vec_env("CartPole-v1", EPISODES, 777), EPISODES, warn=False)
        if mean >= SOLVED:
            self.solved_at = self.num_timesteps
        self.start = time.perf_counter()


def ppo(env: object, seed: int) -> PPO:
    return PPO(
        "MlpPolicy",
        env,
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


def pib(hw: str) -> Callable[[int], BaseAlgorithm]:
    settings = {"hw": hw, "rule": tuned("CartPole-v1", "pib")["rule"], "device": "cpu"}
    return lambda seed: PIB("MlpPolicy", make_vec_env("CartPole-v1", 8, seed), seed=seed, **settings)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[100, 101, 102, 103, 104])
    seeds = parser.parse_args().seeds
    torch.set_num_threads(1)
    agents: dict[str, Callable[[int], BaseAlgorithm]] = {
        "PPO (zoo), DummyVecEnv": lambda seed: ppo(make_dummy("CartPole-v1", 8, seed=seed), seed),
        "PPO (zoo), vectorised CartPole": lambda seed: ppo(make_vec_env("CartPole-v1", 8, seed), seed),
        **{f"PIB, {hw}": pib(hw) for hw in ("digital", "memristive", "optical")},
    }
    seen: dict[str, list[tuple[float, int | None]]] = {name: [] for name in agents}
    for seed in seeds:
        for name, make in agents.items():
            watch = Stopwatch()
            make(seed).learn(LIMIT, callback=watch)
            seen[name].append((watch.seconds, watch.solved_at))
            print(f"seed {seed}: {name}: {watch.seconds:.2f} s, step {watch.solved_at}", flush=True)
    base = {key: statistics.median(s for s, _ in seen[key]) for key in list(agents)[:2]}
    first, second = base.values()
    print("\n| | seconds per seed | median s | steps, median | of PPO on DummyVecEnv | of PPO, vectorised |")
    print("|---|---|---|---|---|---|")
    for name, runs in seen.items():
        median = statistics.median(seconds for seconds, _ in runs)
        steps = [step if step is not None else LIMIT for _, step in runs]
        print(
            f"| {name} | {', '.join(f'{seconds:.1f}' for seconds, _ in runs)} | {median:.2f} | "
            f"{statistics.median(steps):,.0f} | {median / first:.2f} | {median / second:.2f} |"
        )


if __name__ == "__main__":
    main()
