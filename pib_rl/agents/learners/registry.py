"""Other ways to train the hidden arrays, on the same hardware and in the same loop."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from pib_rl.agents.learners.backprop import Backprop, BackpropOff, BackpropStale
from pib_rl.agents.learners.base import HiddenLearner, InformationLearner
from pib_rl.agents.learners.dfa import DirectFeedback
from pib_rl.agents.learners.es import EvolutionStrategy
from pib_rl.agents.learners.forward_forward import ForwardForward
from pib_rl.agents.learners.frozen import Frozen
from pib_rl.agents.learners.spsa import Spsa
from pib_rl.agents.rule.config import RuleConfig
from pib_rl.common.options import configure, nearest

RIVALS: dict[str, type[HiddenLearner]] = {
    "frozen": Frozen,
    "backprop": Backprop,
    "backprop-off": BackpropOff,
    "backprop-stale": BackpropStale,
    "dfa": DirectFeedback,
    "forward-forward": ForwardForward,
    "spsa": Spsa,
    "es": EvolutionStrategy,
}
MODES: dict[str, type[HiddenLearner]] = {"pib": InformationLearner, **RIVALS}


def find_mode(name: str) -> type[HiddenLearner]:
    """The learner of a mode: "pib" or a rival.

    Raises:
        ValueError: If there is none of that name.
    """
    if name not in MODES:
        raise ValueError(f"unknown mode {name!r}; {nearest(name, list(MODES))}")
    return MODES[name]


def resolve(mode: str, options: dict[str, Any], base: dict[str, Any] | None = None) -> tuple[RuleConfig, Any]:
    """All settings that a mode learns with: those of the rule, and those of its own.

    Args:
        mode: "pib", or a rival.
        options: Settings of both that are asked for, by name.
        base: Settings of the rule that stand below the mode's own defaults.

    Returns:
        The rule's configuration, and an instance of the learner's ``Options``.

    Raises:
        ValueError: If the mode or a setting does not exist, or a value does not fit.
    """
    kind = find_mode(mode)
    own = {field.name for field in fields(kind.Options)}
    settings = {**(base or {}), **kind.defaults, **{name: options[name] for name in options if name not in own}}
    return (
        configure(RuleConfig, settings, "the rule"),
        configure(kind.Options, {name: options[name] for name in options if name in own}, mode),
    )


__all__ = ["MODES", "RIVALS", "Frozen", "find_mode", "resolve"]
