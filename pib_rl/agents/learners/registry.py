"""Other ways to train the hidden arrays, on the same hardware and in the same loop."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from pib_rl.agents.learners.backprop import Backprop, BackpropOff, BackpropStale
from pib_rl.agents.learners.base import Learner, PIBLearner
from pib_rl.agents.learners.dfa import DirectFeedback
from pib_rl.agents.learners.es import EvolutionStrategy
from pib_rl.agents.learners.forward_forward import ForwardForward
from pib_rl.agents.learners.frozen import Frozen
from pib_rl.agents.learners.spsa import Spsa
from pib_rl.agents.rule.config import RuleConfig
from pib_rl.common.options import configure, nearest

RIVALS: dict[str, type[Learner]] = {
    "frozen": Frozen,
    "backprop": Backprop,
    "backprop-off": BackpropOff,
    "backprop-stale": BackpropStale,
    "dfa": DirectFeedback,
    "forward-forward": ForwardForward,
    "spsa": Spsa,
    "es": EvolutionStrategy,
}
LEARNERS: dict[str, type[Learner]] = {"pib": PIBLearner, **RIVALS}


def find_learner(name: str) -> type[Learner]:
    """The learner of a learner: "pib" or a rival.

    Raises:
        ValueError: If there is none of that name.
    """
    if name not in LEARNERS:
        raise ValueError(f"unknown learner {name!r}; {nearest(name, list(LEARNERS))}")
    return LEARNERS[name]


def resolve(learner: str, options: dict[str, Any], base: dict[str, Any] | None = None) -> tuple[RuleConfig, Any]:
    """All settings that a learner learns with: those of the rule, and those of its own.

    Args:
        learner: "pib", or a rival.
        options: Settings of both that are asked for, by name.
        base: Settings of the rule that stand below the learner's own defaults.

    Returns:
        The rule's configuration, and an instance of the learner's ``Options``.

    Raises:
        ValueError: If the learner or a setting does not exist, or a value does not fit.
    """
    kind = find_learner(learner)
    own = {field.name for field in fields(kind.Options)}
    settings = {**(base or {}), **kind.defaults, **{name: options[name] for name in options if name not in own}}
    return (
        configure(RuleConfig, settings, "the rule"),
        configure(kind.Options, {name: options[name] for name in options if name in own}, learner),
    )


__all__ = ["LEARNERS", "RIVALS", "Frozen", "find_learner", "resolve"]
