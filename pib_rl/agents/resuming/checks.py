"""Whether the state of a loop that was read is one: counters, observations, episodes."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm

from pib_rl.common.options import number, shown, whole

MOST = 2**53  # steps


def check_loop(model: BaseAlgorithm, state: dict[str, Any], counters: tuple[str, ...]) -> None:
    """Checks a `loop_state` before an agent takes it over.

    Args:
        model: The agent.
        state: What was read.
        counters: Names of whole numbers in it.

    Raises:
        ValueError: If something in it is none that an agent with this observation space can have.
        KeyError: If something is missing.
    """
    for name in counters:
        whole(name, state[name], 0, MOST)
    number("progress_left", state["progress_left"], -MOST, 1)
    if not isinstance(state["in_rollout"], bool):
        raise ValueError(f"in_rollout must be true or false, got {shown(state['in_rollout'])}")
    for name in ("_last_obs", "_last_original_obs"):
        if state[name] is not None:
            _check_seen(name, state[name], model.observation_space)
    starts = state["_last_episode_starts"]
    if starts is not None and (not isinstance(starts, np.ndarray) or starts.ndim != 1 or starts.dtype.kind not in "bf"):
        raise ValueError(f"_last_episode_starts must be a truth value per environment, got {shown(starts)}")
    if (state["ep_info_buffer"] is None) != (state["ep_success_buffer"] is None):
        raise ValueError("ep_info_buffer and ep_success_buffer must both be there, or none of them")
    for entry in _entries("ep_info_buffer", state):
        for name in ("r", "l"):
            number(f"{name} of an episode", entry[name])
    for entry in _entries("ep_success_buffer", state):
        number("success of an episode", float(entry))


def check_count(model: BaseAlgorithm, state: dict[str, Any]) -> None:
    """Raises ValueError unless the last observations of a state are of as many environments as the agent has."""
    for name in ("_last_obs", "_last_original_obs", "_last_episode_starts"):
        seen = state[name]
        for part in seen.values() if isinstance(seen, dict) else [seen]:
            if part is not None and len(part) != model.n_envs:
                raise ValueError(f"{name} is of {len(part)} environments, and there are {model.n_envs}")


def _check_seen(name: str, seen: Any, space: spaces.Space[Any]) -> None:
    if isinstance(space, spaces.Dict):
        if not isinstance(seen, dict) or seen.keys() != space.spaces.keys():
            raise ValueError(f"{name} must hold {', '.join(space.spaces)}, got {shown(seen)}")
        for part, inner in space.spaces.items():
            _check_seen(f"{name} {part}", seen[part], inner)
        return
    if (
        not isinstance(seen, np.ndarray)
        or seen.shape[1:] != space.shape
        or seen.ndim < 1
        or seen.dtype.kind not in "biuf"
    ):
        raise ValueError(f"{name} must be observations of shape {space.shape}, got {shown(seen)}")


def _entries(name: str, state: dict[str, Any]) -> list[Any]:
    entries = state[name]
    if entries is None:
        return []
    if not isinstance(entries, list):
        raise ValueError(f"{name} must be a list, got {shown(entries)}")
    return entries
