"""Settings of learning from data, as shipped with the package, and what a mode makes of them."""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from pib_rl.agents.estimators.trainer import LessonConfig
from pib_rl.agents.learners.base import HiddenLearner
from pib_rl.agents.learners.registry import find_mode
from pib_rl.common.options import configure, nearest
from pib_rl.physical.registry import base

ARGUMENTS = {"epochs", "batch_size"}  # settings of lessons that an estimator has as arguments of its own
FILE = Path(__file__).parents[2] / "hyperparams" / "lessons.yml"


@cache
def _shipped() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return content


def shipped(hw: str, mode: str, images: bool, labels: bool, patches: bool = False) -> dict[str, Any]:
    """Shipped settings: of the rule, of the substrate (``hw_options``), and of each objective (``objective_options``).

    Args:
        hw: The substrate; a preset has no settings of its own.
        mode: "pib", or a rival.
        images: Whether inputs are images.
        labels: Whether there are labels to learn from.
        patches: Whether there are patch units.
    """
    content, hw = _shipped(), base(hw)
    settings = dict(content["default"])
    if images:
        settings |= content["images"].get(hw, {})
    settings |= content["mode"].get(mode, {})
    if images and labels:
        labelled = content["labelled_images"]
        settings |= labelled["default"] | labelled["mode"].get(mode, {}) | labelled["hw"].get(hw, {}).get(mode, {})
    if patches:
        settings |= content["patches"].get(hw, {}).get(mode, {})
    return settings


def find_learner(mode: str) -> type[HiddenLearner]:
    """The learner of a mode that can learn from data.

    Raises:
        ValueError: If there is none of that name, or it learns from rewards alone.
    """
    kind = find_mode(mode)
    if kind.alone:
        raise ValueError(
            f"mode {mode!r} learns from whole episodes and can't learn from data; choose pib or another rival"
        )
    return kind


def resolve(mode: str, settings: dict[str, Any]) -> tuple[LessonConfig, Any]:
    """The configuration of the lessons and that of the learner's own options.

    Args:
        mode: "pib", or a rival.
        settings: Settings of both by name.

    Raises:
        ValueError: If a setting does not exist, or a value does not fit.
    """
    kind = find_learner(mode)
    own, common = ({field.name for field in fields(options)} for options in (kind.Options, LessonConfig))
    for name in settings:
        if name not in own | common:
            raise ValueError(f"the rule has no option {name!r}; {nearest(name, sorted(own | common - ARGUMENTS))}")
    return (
        configure(LessonConfig, {name: settings[name] for name in settings if name not in own}, "the rule"),
        configure(kind.Options, {name: settings[name] for name in settings if name in own}, mode),
    )
