"""Evaluation of a policy on fresh episodes, without touching what training draws or counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import VecEnv

from pib_rl.agents.policy import PIBPolicy, Reader
from pib_rl.physical.substrate import Read

AT_ONCE = 100


def evaluate(policy: PIBPolicy, make_env: Callable[[int], VecEnv], episodes: int, read: Read) -> np.ndarray:
    """Greedy returns of fresh episodes on hardware.

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
    with policy.streams.aside("evaluation"), policy.meter.paused():
        return greedy_returns(Reader(policy, read), make_env, episodes)


def greedy_returns(player: Any, make_env: Callable[[int], VecEnv], episodes: int) -> np.ndarray:
    """Undiscounted returns of fresh episodes, shape (episodes,), of anything that has the ``predict`` of a policy."""
    env = make_env(min(episodes, AT_ONCE))
    try:
        returns, _ = evaluate_policy(player, env, episodes, deterministic=True, return_episode_rewards=True, warn=False)
    finally:
        env.close()
    return np.asarray(returns, dtype=float)
