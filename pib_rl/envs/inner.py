"""Environments by id: made inside tasks that are another one made harder, and what is wrong with an id."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
from gymnasium.envs.registration import parse_env_id
from gymnasium.error import DependencyNotInstalled, DeprecatedEnv, UnregisteredEnv

from pib_rl.physical.options import nearest


def refusal(env_id: str, error: Exception, unknown: str = "unknown environment") -> ValueError:
    """What is wrong with an id, or with what it needs, in one line.

    Args:
        env_id: What was asked for.
        error: What Gymnasium, or an import, said of it.
        unknown: How a message begins that there is no such environment.
    """
    if isinstance(error, DependencyNotInstalled):
        return ValueError(f"environment {env_id} needs more packages: {error}")
    if isinstance(error, ImportError) or (isinstance(error, UnregisteredEnv) and ":" in env_id):
        return ValueError(f"cannot load environment {env_id!r}: {error}")
    if isinstance(error, UnregisteredEnv):
        return ValueError(f"{unknown} {env_id!r}; {nearest(env_id, sorted(gym.registry))}")
    if isinstance(error, DeprecatedEnv):
        return ValueError(f"environment {env_id!r} is retired: {error}")
    return ValueError(f"environment id {env_id!r} is not of the form Name-v1: {error}")


def check_text(env_id: Any) -> None:
    """Raises ValueError if an id is no text: Gymnasium takes that for granted."""
    if not isinstance(env_id, str):
        raise ValueError(f"env_id must be the id of an environment, such as CartPole-v1, got {env_id!r}")


def inner(env_id: str, env_kwargs: dict[str, Any]) -> gym.Env[Any, Any]:
    """The environment of that id, for a wrapper that is registered under an id of its own.

    Args:
        env_id: Registered id.
        env_kwargs: Arguments of the environment, ``render_mode`` among them.

    Raises:
        ValueError: If it is no text, if there is no such environment, or what it needs is not installed.
    """
    check_text(env_id)
    try:
        parse_env_id(env_id.rpartition(":")[2])
    except gym.error.Error as error:
        raise refusal(env_id, error) from None
    try:
        return gym.make(env_id, disable_env_checker=True, **env_kwargs)
    except (DependencyNotInstalled, DeprecatedEnv, UnregisteredEnv, ImportError) as error:
        raise refusal(env_id, error, "env_id must be that of a registered environment, got") from None
