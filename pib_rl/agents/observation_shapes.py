"""Shapes of observations: one or a batch, or neither."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs
from stable_baselines3.common.preprocessing import is_image_space

from pib_rl.agents.observations import parts_of


def is_batch(obs: Any, space: spaces.Space[Any]) -> bool:
    """Whether these are several observations rather than one, by their shape; images may have channels first or last.

    Raises:
        ValueError: If they are neither, or parts of a Dict are missing.
    """
    if isinstance(obs, tuple) and len(obs) == 2 and isinstance(obs[1], Mapping):
        raise ValueError(
            "the observation is a pair of one and its info, as Gymnasium's reset gives it: you are probably mixing Gym "
            "API with VecEnv API; take its first part, as in obs, info = env.reset()"
        )
    parts = parts_of(space)
    if isinstance(space, spaces.Dict) and (not isinstance(obs, Mapping) or obs.keys() != parts.keys()):
        found = list(obs) if isinstance(obs, Mapping) else type(obs).__name__
        raise ValueError(f"the observation must be a dict of {list(parts)}, got {found}")
    found_batches = {_is_batch(obs if name is None else obs[name], part, name) for name, part in parts.items()}
    if len(found_batches) > 1:
        raise ValueError("the parts of the observation must be all of one moment, or all batches; got both")
    return found_batches.pop()


def _is_batch(obs: Any, space: spaces.Space[Any], name: str | None) -> bool:
    shape, wanted = np.shape(obs), space.shape or ()
    turned = (wanted[1], wanted[2], wanted[0]) if is_image_space(space) else wanted
    if shape in (wanted, turned):
        return False
    if shape[1:] in (wanted, turned) and len(shape) == len(wanted) + 1:
        return True
    of = "" if name is None else f" of {name!r}"
    raise ValueError(f"the observation{of} must have shape {wanted}, or (n, ...) for n of them, got {shape}")


def check_single(obs: Any, space: spaces.Space[Any]) -> None:
    """Raises ValueError unless this is one observation, by its shape."""
    if is_batch(obs, space):
        shapes = {name: part.shape for name, part in parts_of(space).items()}
        raise ValueError(
            f"an observation must have shape {shapes.get(None, shapes)}, got a batch of {len(_first(obs))}; "
            "correct the environment, or its observation_space"
        )


def _first(obs: Any) -> Any:
    return next(iter(obs.values())) if isinstance(obs, Mapping) else obs


def reset(env: gym.Env[Any, Any], seed: int | None, options: dict[str, Any] | None) -> tuple[Any, dict[str, Any]]:
    """Resets an environment, which need not know options if there are none."""
    return env.reset(seed=seed) if options is None else env.reset(seed=seed, options=options)


class SingleObservations(gym.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """Refuses an environment whose first observations have another shape than its space: arrays would broadcast them.

    Everything else is that of the environment.
    """

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        RecordConstructorArgs.__init__(self)
        gym.Wrapper.__init__(self, env)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Resets; ValueError if the observation has another shape."""
        obs, info = reset(self.env, seed, options)
        check_single(obs, self.observation_space)
        return obs, info
