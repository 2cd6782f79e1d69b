"""Where vector environments are, and how others get there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecEnvWrapper

from pib_rl.agents.resuming.attributes import attributes, set_attributes
from pib_rl.agents.resuming.episodes import EpisodeRecorder


def record_episodes(env: VecEnv) -> None:
    """Has the episodes of environments noted that are stepped one by one in this process."""
    inner = env.unwrapped
    if isinstance(inner, DummyVecEnv):
        inner.envs = [one if _recorded(one) else EpisodeRecorder(one) for one in inner.envs]


def _recorded(env: Any) -> bool:
    while not isinstance(env, EpisodeRecorder) and hasattr(env, "env"):
        env = env.env
    return isinstance(env, EpisodeRecorder)


def environment_state(env: VecEnv) -> dict[str, Any]:
    """Where a vector environment is: its wrappers, and the episodes of its environments so far."""
    *wrappers, inner = _layers(env)
    state: dict[str, Any] = {"kinds": _kinds(env), "wrappers": [attributes(wrapper).state for wrapper in wrappers]}
    if getattr(inner, "plain", False):
        return state | {"inner": attributes(inner).state}
    if all(inner.env_is_wrapped(EpisodeRecorder)):
        return state | {"episodes": inner.env_method("recorded_episode")}
    return state


def load_environment_state(env: VecEnv, state: dict[str, Any]) -> bool:
    """Brings a vector environment, made in the same way, to where another one was.

    Returns:
        Whether it is there. If not, it has to be reset; its wrappers know what they knew, if they are the same ones.
    """
    if state["kinds"] != _kinds(env):
        return False
    *wrappers, inner = _layers(env)
    arrived = False
    if "inner" in state and getattr(inner, "plain", False):
        set_attributes(inner, state["inner"])
        arrived = True
    elif len(state.get("episodes", ())) == inner.num_envs and all(inner.env_is_wrapped(EpisodeRecorder)):
        inner._reset_seeds()  # one that was set before the first reset counts no more
        arrived = all(
            inner.env_method("continue_episode", episode, indices=index)[0]
            for index, episode in enumerate(state["episodes"])
        )
    for wrapper, found in zip(wrappers, state["wrappers"], strict=True):
        set_attributes(wrapper, found)
    if state["kinds"] != _kinds(env):
        raise ValueError(f"it is of {state['kinds']}, and makes {_kinds(env)} of it")
    return arrived


def _kinds(env: VecEnv) -> list[str]:
    """What a vector environment is made of: its layers by name, and how many environments there are."""
    return [*(getattr(type(layer), "kind", type(layer).__name__) for layer in _layers(env)), str(env.num_envs)]


def _layers(env: VecEnv) -> Iterator[Any]:
    """A vector environment from the outermost wrapper inwards."""
    while isinstance(env, VecEnvWrapper):
        yield env
        env = env.venv
    yield env
