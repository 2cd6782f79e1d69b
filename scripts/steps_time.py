"""Environment steps per CPU second of training on CartPole-v1: every substrate beside PPO of Stable-Baselines3.

    python scripts/steps_time.py [--timesteps N] [--rounds N]

Whole trainings of so many steps without evaluations, with the settings that are shipped; PPO has those of
rl-baselines3-zoo, 8 environments in a `DummyVecEnv`. "Frozen" leaves the hidden units as fabricated. All take turns in
one process, one torch thread; figures are medians over rounds.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from functools import partial

import zoo_ppo
from timing import HARDWARE, Aim, Report, cpu, ratio, run_alone, table, take_turns

from pib_rl.training.config import settle
from pib_rl.training.loop import close
from pib_rl.training.run import build

ENV, PPO = zoo_ppo.ENV, "PPO (zoo)"
LEARNERS = {"pib": "PIB", "frozen": "frozen units"}
AIMS = {"digital": 8.0, "memristive": 6.0, "optical": 3.0}


def train_ppo(timesteps: int, seed: int) -> float:
    """CPU seconds of a training by PPO."""
    agent = zoo_ppo.make(seed)
    seconds = cpu(lambda: agent.learn(timesteps))
    close(agent)
    return seconds


def train(hw: str, learner: str, timesteps: int, seed: int, chips: int = 1) -> float:
    """CPU seconds of a training on simulated hardware, by the settings that are shipped."""
    agent = build(settle(ENV, learner, hw, {"seed": seed, "timesteps": timesteps, "looks": 0, "chips": chips}))
    seconds = cpu(lambda: agent.learn(timesteps))
    close(agent)
    return seconds


def report(timesteps: int = 40_960, rounds: int = 3) -> Report:
    """All trainings."""
    calls: dict[str, Callable[[int], float]] = {PPO: partial(train_ppo, timesteps)}
    for hw in HARDWARE:
        for learner, name in LEARNERS.items():
            calls[f"{hw}, {name}"] = partial(train, hw, learner, timesteps)
    seconds = take_turns(calls, range(rounds))
    speed = {name: ratio(seconds, PPO, name) for name in calls}
    rows = [
        (name, f"{timesteps / statistics.median(seen):,.0f}", f"{speed[name]:.2f}") for name, seen in seconds.items()
    ]
    return Report(
        table(("CartPole-v1", "steps per CPU second", "relative to PPO"), rows),
        [Aim(f"steps per CPU second, {hw}, over PPO", speed[f"{hw}, PIB"], AIMS[hw], True) for hw in HARDWARE],
    )


if __name__ == "__main__":
    run_alone("steps_time", __doc__, report, timesteps=40_960, rounds=3)
