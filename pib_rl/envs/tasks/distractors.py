"""Noise dimensions appended to observations: what a unit can't use and must learn to ignore."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs
from stable_baselines3.common.vec_env import VecEnv

from pib_rl.common.limits import sized
from pib_rl.envs.lookup import make_inner
from pib_rl.envs.vectorised import VecObservations


def as_vector(space: spaces.Space[Any], who: str) -> spaces.Box:
    """The space; ValueError, which begins with ``who`` ("distractors need"), unless its observations are vectors."""
    if not isinstance(space, spaces.Box) or len(space.shape) != 1:
        raise ValueError(f"{who} observations that are vectors (Box of one axis), got {space}")
    return space


def lengthened(space: spaces.Box, edge: np.ndarray) -> spaces.Box:
    """A space of vectors with further dimensions in -edge..edge, shape (n,), behind its own."""
    low, high = space.low.astype(np.float32), space.high.astype(np.float32)
    return spaces.Box(np.concatenate([low, -edge]), np.concatenate([high, edge]), dtype=np.float32)


def widened(space: spaces.Space[Any], count: int) -> spaces.Box:
    """The space of vectors with ``count`` unbounded dimensions more, 1..1000000; ValueError if one does not fit."""
    return lengthened(
        as_vector(space, "distractors need"), np.full(sized("distractors", count, 1), np.inf, dtype=np.float32)
    )


def noise_generator(seed: int | None) -> np.random.Generator:
    """A generator of its own for noise: `default_rng(seed)` is the very state in which an environment starts."""
    return np.random.default_rng(None if seed is None else [seed, zlib.crc32(b"distractors")])


class Distractors(gym.ObservationWrapper[Any, Any, Any], RecordConstructorArgs):
    """Appends ``count`` standard normal numbers, drawn at every step from the environment's own generator.

    ## Observation space
    That of the environment, a vector, and ``count`` unbounded numbers behind it, float32.

    ## Action space, rewards, start, end of an episode
    Those of the environment.

    ## Version history
    v0 (`pib_rl/Distractors-v0`): first version.
    """

    def __init__(self, env: gym.Env[Any, Any], count: int) -> None:
        RecordConstructorArgs.__init__(self, count=count)
        gym.ObservationWrapper.__init__(self, env)
        self.count = count
        self.observation_space = widened(env.observation_space, count)

    def observation(self, observation: Any) -> np.ndarray:
        """The observation with its noise, shape (d + count,)."""
        noise = self.np_random.standard_normal(self.count)
        return np.concatenate([observation, noise]).astype(np.float32)


def make_distractors(env_id: str = "CartPole-v1", count: int = 32, **env_kwargs: Any) -> Distractors:
    """`pib_rl/Distractors-v0`: the environment ``env_id`` behind `Distractors`; ``env_kwargs`` go to it."""
    return Distractors(make_inner(env_id, env_kwargs, make_distractors), count)


class VecDistractors(VecObservations):
    """The same for a whole `VecEnv` at once; ``seed`` is that of the noise."""

    def __init__(self, venv: VecEnv, count: int, seed: int | None = None) -> None:
        super().__init__(venv, observation_space=widened(venv.observation_space, count))
        self.count = count
        self._random = noise_generator(seed)

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """Seeds the noise and the environments."""
        self._random = noise_generator(seed)
        return self.venv.seed(seed)

    def change(self, obs: Any) -> np.ndarray:
        noise = self._random.standard_normal((*obs.shape[:-1], self.count), dtype=np.float32)
        return np.concatenate([obs.astype(np.float32, copy=False), noise], -1)
