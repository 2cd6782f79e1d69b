"""Environments by id, as Stable-Baselines3 takes them."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import gymnasium as gym
import numpy as np
from stable_baselines3.common.env_util import make_vec_env as make_single
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecMonitor

from pib_rl.agents.heads.units import check_action_space
from pib_rl.agents.observation_shapes import SingleObservations
from pib_rl.agents.observations import check_observation_space
from pib_rl.common.limits import sized
from pib_rl.envs.lookup import find_spec, make_checked
from pib_rl.envs.tasks.distractors import Distractors, VecDistractors
from pib_rl.envs.vectorised import SAME_STEP, VectorAdapter

LONGEST = 5000  # steps of an episode where the environment sets no limit: some policies would play on for ever


def time_limit(env_id: str) -> int | None:
    """Most steps of an episode, as registered; None where there is no limit. Errors as for `find_spec`."""
    steps = find_spec(env_id).max_episode_steps
    return steps if steps and steps > 0 else None


def make_env(env_id: str, /, distractors: int = 0, **env_kwargs: Any) -> gym.Env[Any, Any]:
    """One environment; time limit and errors as for `make_vec_env`."""
    return built(env_id, distractors, env_kwargs, make_env)


def built(env_id: str, distractors: int, env_kwargs: dict[str, Any], maker: Callable[..., Any]) -> gym.Env[Any, Any]:
    """As `make_env`, for makers with arguments of their own, see `make_checked`."""
    limit = {} if time_limit(env_id) else {"max_episode_steps": LONGEST}
    count = sized("distractors", distractors)
    env = make_checked(env_id, limit | env_kwargs, maker)
    return Distractors(env, count) if count else env


def control_period(env: gym.Env[Any, Any]) -> float | None:
    """Simulated seconds between two actions: the environment's ``tau`` or ``dt``, or one over its frames per second."""
    inner = env.unwrapped
    for name in ("tau", "dt"):
        value = getattr(inner, name, None)
        if isinstance(value, (int, float)) and value > 0:
            return float(value)
    rate = inner.metadata.get("render_fps")
    return 1 / rate if rate else None


def make_vec_env(
    env_id: str, /, n_envs: int = 8, seed: int | None = None, distractors: int = 0, **env_kwargs: Any
) -> VecEnv:
    """Makes ``n_envs`` environments, vectorised where Gymnasium ships them so, with episode statistics.

    Episodes of an environment that sets no limit end after `LONGEST` steps; ``max_episode_steps`` sets another.

    Args:
        env_id: Registered id.
        n_envs: Number of environments.
        seed: Seed of the environments and of the noise dimensions; two seeds have no environment in common.
        distractors: Standard normal dimensions appended to each observation.
        env_kwargs: Arguments of the environment; with any, it goes through `gymnasium.make`.

    Raises:
        ValueError: If the environment is unknown, what it needs is not installed, an argument is wrong, or agents can't
            take its spaces.
    """
    spec, n_envs, distractors = find_spec(env_id), sized("n_envs", n_envs), sized("distractors", distractors)
    seed = None if seed is None else sized("seed", seed)
    kind = SAME_STEP.get(str(spec.vector_entry_point))
    if kind is None or env_kwargs or spec.max_episode_steps is None:
        venv = make_single(partial(_checked, env_id, distractors, env_kwargs), n_envs)
        if seed is not None:
            seed_each(cast(DummyVecEnv, venv), seed)
        return venv
    env = kind(num_envs=n_envs, max_episode_steps=spec.max_episode_steps, **spec.kwargs)
    venv = VecMonitor(VectorAdapter(env, seed))
    return VecDistractors(venv, distractors, seed) if distractors else venv


def _checked(env_id: str, distractors: int, env_kwargs: dict[str, Any]) -> gym.Env[Any, Any]:
    """One environment of a `VecEnv`; ValueError unless agents of Stable-Baselines3 can take its spaces."""
    env = built(env_id, distractors, env_kwargs, make_vec_env)
    check_observation_space(env.observation_space)
    check_action_space(env.action_space)
    return SingleObservations(env)


def seed_each(venv: DummyVecEnv, seed: int) -> None:
    """Seeds the next reset of every environment, and its actions, so that no other seed shares an environment's.

    `VecEnv.seed` counts up from its seed: the second environment of seed 2 would be the first one of seed 3.
    """
    sequence = np.random.SeedSequence([seed, zlib.crc32(b"environments")])
    venv._seeds = [int(value) for value in sequence.generate_state(venv.num_envs)]
    for env, own in zip(venv.envs, venv._seeds, strict=True):
        env.action_space.seed(own)
