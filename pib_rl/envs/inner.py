"""The environment inside a task that is another one made harder."""

from __future__ import annotations

from typing import Any

import gymnasium as gym


def inner(env_id: str, render_mode: str | None, env_kwargs: dict[str, Any]) -> gym.Env[Any, Any]:
    """The environment of that id, for a wrapper that is registered under an id of its own.

    Args:
        env_id: Registered id.
        render_mode: Of the environment; None is its default.
        env_kwargs: Its other arguments.
    """
    if render_mode is not None:
        env_kwargs = {**env_kwargs, "render_mode": render_mode}
    return gym.make(env_id, disable_env_checker=True, **env_kwargs)
