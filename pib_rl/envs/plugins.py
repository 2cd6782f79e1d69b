"""Environments that installed packages bring: Gymnasium 1 loads none of them by itself."""

from __future__ import annotations

import warnings
from contextlib import nullcontext
from functools import cache
from importlib.metadata import entry_points

import gymnasium as gym
from gymnasium.envs.registration import EnvSpec, namespace

GROUP, ROOT = "gymnasium.envs", "__root__"  # entry points, and the name of one whose ids have no namespace


@cache
def load_plugins() -> None:
    """Registers the environments of all installed packages that offer some, once.

    An entry point of the group gymnasium.envs is called within the namespace that it is named after, as Gymnasium did
    before version 1. One that fails is left out, with a warning.
    """
    for entry in entry_points(group=GROUP):
        with nullcontext() if entry.name == ROOT else namespace(entry.name):
            try:
                entry.load()()
            except Exception as error:  # whatever a package of others does; outside, the namespace would stay
                warnings.warn(f"the environments {entry.name} ({entry.value}) can't be loaded: {error}", stacklevel=2)


def registered(env_id: str) -> EnvSpec:
    """The specification of that id; installed packages are asked where it is not registered yet.

    Raises:
        gymnasium.error.Error: As `gymnasium.spec` does.
    """
    try:
        return gym.spec(env_id)
    except gym.error.UnregisteredEnv:
        load_plugins()
        return gym.spec(env_id)
