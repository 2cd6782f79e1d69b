"""Where the training of an agent is: counters, running episodes, and environments."""

from __future__ import annotations

from collections import deque
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm

from pib_rl.agents.resuming.checks import check_count, check_loop
from pib_rl.agents.resuming.environments import environment_state, load_environment_state
from pib_rl.common.tree import flatten_state

COUNTERS = ("num_timesteps", "_total_timesteps", "_num_timesteps_at_start", "_episode_num", "_n_updates")
SEEN = ("_last_obs", "_last_episode_starts", "_last_original_obs")  # arrays, or arrays by name
EPISODES = ("ep_info_buffer", "ep_success_buffer")


def loop_state(model: BaseAlgorithm, in_rollout: bool = False) -> dict[str, Any]:
    """What Stable-Baselines3's loop knows, as `flatten_state` takes it.

    In the middle of a rollout the environments are ahead of what was learned: they are left out, and so is what they
    showed.
    """
    state: dict[str, Any] = {name: getattr(model, name) for name in COUNTERS}
    state["progress_left"] = model._current_progress_remaining
    for name in SEEN:
        state[name] = None if in_rollout else _copied(getattr(model, name))
    for name in EPISODES:
        buffer = getattr(model, name)
        state[name] = None if buffer is None else [_plain(entry) for entry in buffer]
    env = None if in_rollout or model._last_obs is None else model.env
    state["environments"] = None if env is None else environment_state(env)
    state["in_rollout"] = in_rollout
    return state


def load_loop_state(model: BaseAlgorithm, state: dict[str, Any], environments: bool = True) -> bool:
    """Goes on from a `loop_state`; without ``environments`` these stay as they are.

    Raises:
        ValueError, KeyError: If it is no such state.

    Returns:
        Whether the environments are where they were. If not, they were not reset yet.
    """
    check_loop(model, state, COUNTERS)
    for name in (*COUNTERS, *SEEN):
        setattr(model, name, state[name])
    model._current_progress_remaining = state["progress_left"]
    for name in EPISODES:
        entries = state[name]
        setattr(model, name, None if entries is None else deque(entries, maxlen=model._stats_window_size))
    if model.env is None:
        return True
    if not environments:
        return False
    if state["environments"] is None:
        return not state["in_rollout"]
    arrived = load_environment_state(model.env, state["environments"])
    if arrived:
        check_count(model, state)
    return arrived


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: part.copy() for name, part in value.items()}
    return None if value is None else value.copy()


def _plain(entry: Any) -> Any:
    """An entry without what no file holds, such as objects that an environment adds to the info of an episode."""
    if not isinstance(entry, dict):
        return entry
    kept = {}
    for name, value in entry.items():
        try:
            flatten_state({name: value})
        except TypeError:
            continue
        kept[name] = value
    return kept
