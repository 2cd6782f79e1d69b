"""Evaluation of a policy on fresh episodes, without touching what training draws or counts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import VecEnv

from pib_rl.agents.policy import PIBPolicy, Reader
from pib_rl.physical.substrate import Read

AT_ONCE = 100


def evaluate(policy: PIBPolicy, make_env: Callable[[int], VecEnv], episodes: int, read: Read) -> np.ndarray:
    """Greedy returns of fresh episodes.

    Read noise comes from a stream of its own and the meter stands still, so that training is the same, bit for bit,
    however often it is evaluated.

    Args:
        policy: The policy.
        make_env: Makes that many environments, with a seed that training never uses.
        episodes: Number of episodes.
        read: Read mode.

    Returns:
        Undiscounted returns, shape (episodes,).
    """
    env = make_env(min(episodes, AT_ONCE))
    try:
        with policy.streams.aside("evaluation"), policy.meter.paused():
            returns, _ = evaluate_policy(Reader(policy, read), env, episodes, deterministic=True,
                                         return_episode_rewards=True, warn=False)
    finally:
        env.close()
    return np.asarray(returns, dtype=float)
