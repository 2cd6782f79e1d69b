"""The environment inside a task that is another one made harder."""

from __future__ import annotations

from typing import Any

import gymnasium as gym

from pib_rl.physical.options import nearest


def inner(env_id: str, render_mode: str | None, env_kwargs: dict[str, Any]) -> gym.Env[Any, Any]:
    """The environment of that id, for a wrapper that is registered under an id of its own.

    Args:
        env_id: Registered id.
        render_mode: Of the environment; None is its default.
        env_kwargs: Its other arguments.

    Raises:
        ValueError: If there is no such environment, or its module can't be imported.
    """
    if render_mode is not None:
        env_kwargs = {**env_kwargs, "render_mode": render_mode}
    try:
        return gym.make(env_id, disable_env_checker=True, **env_kwargs)
    except gym.error.UnregisteredEnv:
        raise ValueError(f"env_id must be that of a registered environment, got {env_id!r}; "
                         f"{nearest(env_id, sorted(gym.registry))}") from None
    except ImportError as error:
        raise ValueError(f"cannot load environment {env_id!r}: {error}") from None
