"""Settings of learning from data, as shipped with the package, and what a learner makes of them."""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from pib_rl.agents.estimators.trainer import FitConfig
from pib_rl.agents.learners.base import Learner
from pib_rl.agents.learners.registry import find_learner, split_options
from pib_rl.common.options import configure, nearest
from pib_rl.physical.registry import base

ARGUMENTS = {"epochs", "batch_size"}  # settings of the fit that an estimator has as arguments of its own
FILE = Path(__file__).parents[2] / "hyperparams" / "estimators.yml"


@cache
def _shipped() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return content


def shipped(hw: str, learner: str, images: bool, labels: bool, patches: bool = False) -> dict[str, Any]:
    """Shipped settings: of the rule, of the substrate (``hw_options``), and of each objective (``objective_options``).

    Args:
        hw: The substrate; a preset has no settings of its own, nor has a mix of different ones.
        learner: Name of the learner.
        images: Whether inputs are images.
        labels: Whether there are labels to learn from.
        patches: Whether there are patch units.
    """
    content, hw = _shipped(), base(hw)
    settings: dict[str, Any] = dict(content["default"])
    if images:
        settings |= content["images"].get(hw, {})
    settings |= content["learner"].get(learner, {})
    if images and labels:
        labelled = content["labelled_images"]
        settings |= (
            labelled["default"] | labelled["learner"].get(learner, {}) | labelled["hw"].get(hw, {}).get(learner, {})
        )
    if patches:
        settings |= content["patches"].get(hw, {}).get(learner, {})
    return settings


def find_data_learner(name: str) -> type[Learner]:
    """A learner by name; ValueError if there is none of that name, or it learns from rewards alone."""
    kind = find_learner(name)
    if kind.own_loop:
        raise ValueError(
            f"learner {name!r} learns from whole episodes and can't learn from data; choose pib or another learner"
        )
    return kind


def fit_settings(learner: str, settings: dict[str, Any]) -> tuple[FitConfig, Any]:
    """The settings of the fit, and the learner's own, from both by name.

    Raises:
        ValueError: If a setting does not exist, or a value does not fit.
    """
    kind = find_data_learner(learner)
    own, common = split_options(kind, settings)
    known = {field.name for options in (kind.Options, FitConfig) for field in fields(options)}
    for name in settings:
        if name not in known:
            raise ValueError(f"the rule has no option {name!r}; {nearest(name, sorted(known - ARGUMENTS))}")
    return configure(FitConfig, common, "the rule"), configure(kind.Options, own, learner)
