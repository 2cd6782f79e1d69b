"""Tuned settings per environment, shipped with the package in the spelling of rl-baselines3-zoo."""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

from pib_rl.agents.learners.registry import LEARNERS
from pib_rl.agents.rule.config import RuleConfig
from pib_rl.cli.cli import UserError, read_yaml
from pib_rl.cli.signals import importing
from pib_rl.physical.registry import base

FOLDER = Path(__file__).parents[1] / "hyperparams"
ZOO = {"n_timesteps": "timesteps"}  # the zoo's word: ours
ZOO_RULE = {"n_epochs": "epochs"}
IMAGES = "images"
OWN = (
    "objective",
    "objective_options",
    "hidden_rate",
    "patch_rate",
    "hidden_decay",
    "hidden_steps",
    "hidden_batch",
    "hidden_rollouts",
    "plastic",
    "track",
)


def tuned(env_id: str, learner: str, hw: str | None = None) -> dict[str, Any]:
    """Settings of `TrainConfig` by name, with those of the rule under ``rule``.

    ``hyperparams/pib.yml`` gives them. Another learner takes all of these but the ones of hidden arrays (`OWN`), then
    those of ``hyperparams/LEARNER.yml``, if there is such a file.

    Args:
        env_id: Environment id; without a key of its own, ``default`` alone counts, and ``images`` where it shows some.
        learner: what trains the hidden arrays.
        hw: Substrate, for settings of its own; those of a preset go before them. None leaves them out.
    """
    settings = entry(FOLDER / "pib.yml", env_id, hw)
    if learner != "pib":
        settings = {name: value for name, value in settings.items() if name not in OWN}
        own = FOLDER / f"{learner}.yml"
        settings |= entry(own, env_id, hw) if learner in LEARNERS and own.is_file() else {}
    of_rule = {field.name for field in fields(RuleConfig)}
    result: dict[str, Any] = {"rule": {}}
    for name, value in settings.items():
        inner = ZOO_RULE.get(name, name)
        if inner in of_rule:
            result["rule"][inner] = value
        else:
            result[ZOO.get(name, name)] = value
    return result


def entry(path: Path, env_id: str, hw: str | None = None) -> dict[str, Any]:
    """Settings of one environment in a file of the zoo's form, each over those before it.

    Those of ``default``, of ``images`` if observations are some, the environment's own, and those under ``hw: NAME``.

    Raises:
        UserError: If the file can't be read or a key holds no mapping.
    """
    content = read_yaml(path)
    for key, value in content.items():
        if not isinstance(value, dict):
            raise UserError(f"{path}: {key} must hold a mapping of settings, got {value!r}")
    images = content.get(IMAGES, {})
    settings: dict[str, Any] = (
        content.get("default", {}) | (images if images and sees_images(env_id) else {}) | content.get(env_id, {})
    )
    own: dict[str, dict[str, Any]] = settings.pop("hw", {})
    return settings | ({} if hw is None else own.get(base(hw), {}) | own.get(hw, {}))


@cache
def sees_images(env_id: str) -> bool:
    """Whether observations of an environment are images; not if it can't be made: whoever makes it says why."""
    with importing():  # late: they import torch
        from pib_rl.agents.observations import image_layout
        from pib_rl.envs.make import make_env

    try:
        env = make_env(env_id)
    except (ValueError, RuntimeError, AssertionError, TypeError):
        return False
    space = env.observation_space
    env.close()
    return image_layout(space) is not None
