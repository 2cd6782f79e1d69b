"""Attributes of an agent that was read: of the types that an agent has, before one is made of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm

from pib_rl.common.options import shown, whole

MOST = 2**31  # of a count
COUNTS = {"n_envs": 1, "n_steps": 1, "envs_per_chip": 1, "_stats_window_size": 1, "verbose": 0}  # and their smallest
TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "learner": ((str,), "a name"),
    "tensorboard_log": ((str, type(None)), "a path or none"),
    "observation_space": ((spaces.Space,), "a space"),
    "action_space": ((spaces.Space,), "a space"),
    "policy_class": ((type,), "a policy"),
    "start_time": ((int, float), "a number"),
    "use_sde": ((bool,), "true or false"),
    **dict.fromkeys(("action_noise", "rollout_buffer_class"), ((type(None),), "none, as PIB has no use for it")),
    **dict.fromkeys(("sde_sample_freq", "max_grad_norm"), ((int, float), "a number")),
    "rollout_buffer_kwargs": ((dict,), "settings by name"),
    **dict.fromkeys(("chip", "rule_options", "policy_kwargs"), ((dict,), "settings by name")),
}


def check_attributes(found: Mapping[str, Any]) -> None:
    """Checks what a file says of an agent.

    Args:
        found: Attributes by name, as far as the file holds them.

    Raises:
        ValueError: If one is none that an agent can have.
        KeyError: If one is missing that is never left out.
    """
    for name in ("observation_space", "action_space", "n_envs"):
        found[name]
    for name, least in COUNTS.items():
        if name in found:
            whole(name, found[name], least, MOST)
    if found.get("seed") is not None:
        whole("seed", found["seed"], 0)
    for name, (kinds, words) in TYPES.items():
        if name in found and not isinstance(found[name], kinds):
            raise ValueError(f"{name} must be {words}, got {shown(found[name])}")
    rate = found.get("learning_rate", 1.0)
    if isinstance(rate, bool) or not (isinstance(rate, (int, float)) or callable(rate)):
        raise ValueError(f"learning_rate must be a number or a schedule, got {shown(rate)}")
    methods = [name for name in found if callable(getattr(BaseAlgorithm, name, None)) or name.startswith("__")]
    if methods:
        raise ValueError(f"{methods[0]} is no attribute that a file can set")
