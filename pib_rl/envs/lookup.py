"""Environments by id: made inside tasks that are another one made harder, and what is wrong with an id."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable
from typing import Any, cast

import gymnasium as gym
from gymnasium.envs.registration import EnvSpec, load_env_creator, parse_env_id
from gymnasium.error import DependencyNotInstalled, DeprecatedEnv, NamespaceNotFound, UnregisteredEnv

from pib_rl.common.options import nearest
from pib_rl.envs.plugins import registered

LONGEST_ID = 300
EXTRAS = {"MinAtar": "minatar"}  # namespaces of other packages, and the extra of this one that brings them
PACKAGES = {"ALE": ("ale-py", "ale_py")}  # namespaces of packages that this one has no extra for: package and module
OFFERED = re.compile(r"gymnasium\[(box2d|mujoco)\]")  # extras of Gymnasium that this package has, too
UNEXPECTED = re.compile(r"unexpected keyword argument '(\w+)'")


def refusal(env_id: str, error: Exception, unknown: str = "unknown environment") -> ValueError:
    """What is wrong with an id, or with what it needs, in one line; ``unknown`` begins it where there is none."""
    found = OFFERED.search(str(error))
    extra = found[1] if found else EXTRAS.get(env_id.partition("/")[0])
    if extra and isinstance(error, (DependencyNotInstalled, NamespaceNotFound)):
        return ValueError(f"environment {env_id} needs more packages: pip install 'pib-rl[{extra}]'")
    brought = PACKAGES.get(env_id.partition("/")[0])
    if brought and isinstance(error, NamespaceNotFound):
        return ValueError(
            f"environment {env_id} needs {brought[0]}: pip install {brought[0]}; then add --import {brought[1]}"
        )
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
    if len(env_id) > LONGEST_ID:
        raise ValueError(f"env_id must be at most {LONGEST_ID} letters long, got {len(env_id)}")


def find_spec(env_id: str) -> EnvSpec:
    """The registered specification of an environment.

    Raises:
        ValueError: If there is none (the message offers the nearest ids), or what it needs is not installed.
    """
    check_text(env_id)
    module, colon, name = env_id.partition(":")
    try:
        if colon:
            importlib.import_module(module)
        return registered(name if colon else env_id)
    except (gym.error.Error, ImportError) as error:
        raise refusal(env_id, error) from None


def make_checked(
    env_id: str, env_kwargs: dict[str, Any], maker: Callable[..., Any], unknown: str = "unknown environment"
) -> gym.Env[Any, Any]:
    """`gymnasium.make`, and what is wrong in one line; names of arguments of ``maker`` are offered for misspelt ones.

    Raises:
        ValueError: If there is no such environment, what it needs is not installed, or it has no argument of a name.
        TypeError: If it has no ``render_mode``; Stable-Baselines3 goes by that and leaves it out.
    """
    try:
        if ":" not in env_id:  # else Gymnasium imports a module first
            registered(env_id)
        return gym.make(env_id, **env_kwargs)
    except (DependencyNotInstalled, DeprecatedEnv, UnregisteredEnv, ImportError) as error:
        raise refusal(env_id, error, unknown) from None
    except TypeError as error:
        found = UNEXPECTED.search(str(error))
        if found is None or found[1] not in env_kwargs or found[1] == "render_mode":
            raise
        entry = gym.spec(env_id.rpartition(":")[2]).entry_point
        creator = load_env_creator(entry) if isinstance(entry, str) else cast(Callable[..., Any], entry)
        known = dict.fromkeys([*names(maker), *names(creator), "render_mode"])
        raise ValueError(
            f"there is no argument {found[1]!r}, nor has {env_id} one; {nearest(found[1], list(known))}"
        ) from None


def names(maker: Callable[..., Any]) -> list[str]:
    """Names of arguments."""
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return [name for name, one in inspect.signature(maker).parameters.items() if one.kind not in kinds]


def make_inner(env_id: str, env_kwargs: dict[str, Any], maker: Callable[..., Any]) -> gym.Env[Any, Any]:
    """The environment of that id, for a wrapper that is registered too; arguments and errors as for `make_checked`."""
    check_text(env_id)
    try:
        parse_env_id(env_id.rpartition(":")[2])
    except gym.error.Error as error:
        raise refusal(env_id, error) from None
    return make_checked(
        env_id,
        {"disable_env_checker": True, **env_kwargs},
        maker,
        "env_id must be that of a registered environment, got",
    )
