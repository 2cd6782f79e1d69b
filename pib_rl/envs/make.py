"""Environments by id, as Stable-Baselines3 takes them."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import gymnasium as gym
import numpy as np
from gymnasium.envs.registration import EnvSpec
from stable_baselines3.common.env_util import make_vec_env as make_single
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecMonitor

from pib_rl.agents.heads.units import check_action_space
from pib_rl.agents.observation_shapes import SingleObservations
from pib_rl.agents.observations import check_observation_space
from pib_rl.common.limits import sized
from pib_rl.envs.lookup import find_spec, make_checked
from pib_rl.envs.processes import ProcessVecEnv
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
    env_id: str,
    /,
    n_envs: int = 8,
    seed: int | None = None,
    distractors: int = 0,
    processes: int = 1,
    **env_kwargs: Any,
) -> VecEnv:
    """Makes ``n_envs`` environments, vectorised where Gymnasium ships them so, with episode statistics.

    Episodes of an environment that sets no limit end after `LONGEST` steps; ``max_episode_steps`` sets another.

    Args:
        env_id: Registered id.
        n_envs: Number of environments.
        seed: Seed of the environments and of the noise dimensions; two seeds have no environment in common.
        distractors: Standard normal dimensions appended to each observation.
        processes: Processes that share them, see `ProcessVecEnv`; 1 for this one. What they give is the same.
        env_kwargs: Arguments of the environment; with any, it goes through `gymnasium.make`.

    Raises:
        ValueError: If the environment is unknown, what it needs is not installed, an argument is wrong, agents can't
            take its spaces, or processes can't share the environments.
    """
    spec, n_envs, distractors = find_spec(env_id), sized("n_envs", n_envs), sized("distractors", distractors)
    seed = None if seed is None else sized("seed", seed)
    processes = sized("processes", processes)
    kind = SAME_STEP.get(str(spec.vector_entry_point))
    if kind is None or env_kwargs or spec.max_episode_steps is None:
        seeds = None if seed is None else seeds_of_each(seed, n_envs)
        make = partial(_share, spec, env_id, distractors, env_kwargs)
        if processes == 1:
            return make(n_envs, seeds)
        return _apart(make, n_envs, processes, seeds)
    if processes > 1:
        raise ValueError(
            f"{env_id} steps all its environments at once, and {processes} processes would make that no faster; leave "
            "processes at 1"
        )
    env = kind(num_envs=n_envs, max_episode_steps=spec.max_episode_steps, **spec.kwargs)
    venv = VecMonitor(VectorAdapter(env, seed))
    return VecDistractors(venv, distractors, seed) if distractors else venv


def _checked(env_id: str, distractors: int, env_kwargs: dict[str, Any]) -> gym.Env[Any, Any]:
    """One environment of a `VecEnv`; ValueError unless agents of Stable-Baselines3 can take its spaces."""
    env = built(env_id, distractors, env_kwargs, make_vec_env)
    check_observation_space(env.observation_space)
    check_action_space(env.action_space)
    return SingleObservations(env)


def _share(
    spec: EnvSpec, env_id: str, distractors: int, env_kwargs: dict[str, Any], n_envs: int, seeds: list[int] | None
) -> DummyVecEnv:
    """Environments that are stepped one by one, with a seed each for their next reset and their actions."""
    gym.registry.setdefault(spec.id, spec)  # in a process of their own, nothing but Gymnasium's own is registered
    venv = cast(DummyVecEnv, make_single(partial(_checked, env_id, distractors, env_kwargs), n_envs))
    if seeds is not None:
        venv._seeds = [*seeds]
        for env, own in zip(venv.envs, seeds, strict=True):
            env.action_space.seed(own)
    return venv


def _apart(make: Callable[..., DummyVecEnv], n_envs: int, processes: int, seeds: list[int] | None) -> ProcessVecEnv:
    """The same, shared by processes as evenly as they can be."""
    if processes > n_envs:
        raise ValueError(f"processes must be at most n_envs ({n_envs}), got {processes}")
    ends = [n_envs * (index + 1) // processes for index in range(processes)]
    spans = list(zip([0, *ends], ends, strict=False))
    shares = [None if seeds is None else seeds[start:end] for start, end in spans]
    venv = ProcessVecEnv([partial(make, end - start, own) for (start, end), own in zip(spans, shares, strict=True)])
    if seeds is not None:
        venv._seeds = [*seeds]
    return venv


def seeds_of_each(seed: int, n_envs: int) -> list[int]:
    """A seed for each environment, so that no other seed shares an environment's.

    `VecEnv.seed` counts up from its seed: the second environment of seed 2 would be the first one of seed 3.
    """
    sequence = np.random.SeedSequence([seed, zlib.crc32(b"environments")])
    return [int(value) for value in sequence.generate_state(n_envs)]
