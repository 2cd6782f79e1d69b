"""Environments by id, as Stable-Baselines3 takes them."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
from stable_baselines3.common.env_util import make_vec_env as make_single
from stable_baselines3.common.vec_env import VecEnv, VecMonitor

from pib_rl.envs.distractors import VecDistractors
from pib_rl.envs.vectorised import SAME_STEP, VectorAdapter


def make_vec_env(env_id: str, n_envs: int = 8, seed: int | None = None, distractors: int = 0,
                 **env_kwargs: Any) -> VecEnv:
    """Makes ``n_envs`` environments, vectorised where Gymnasium ships them so, with episode statistics.

    Args:
        env_id: Registered id.
        n_envs: Number of environments.
        seed: Seed of the environments and of the noise dimensions.
        distractors: Standard normal dimensions appended to each observation.
        env_kwargs: Arguments of the environment; any of them goes through `gymnasium.make`.
    """
    spec = gym.spec(env_id)
    kind = SAME_STEP.get(str(spec.vector_entry_point))
    if kind is None or env_kwargs:
        venv: VecEnv = make_single(env_id, n_envs, seed=seed, env_kwargs=env_kwargs)
    else:
        venv = VecMonitor(VectorAdapter(kind(num_envs=n_envs, max_episode_steps=spec.max_episode_steps), seed))
    return VecDistractors(venv, distractors, seed) if distractors else venv
