"""All ways to train the hidden arrays, on the same hardware and in the same loop."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from pib_rl.agents.learners.backprop import Backprop, BackpropOff, BackpropStale
from pib_rl.agents.learners.base import Learner
from pib_rl.agents.learners.dfa import DirectFeedback
from pib_rl.agents.learners.es import EvolutionStrategy
from pib_rl.agents.learners.forward_forward import ForwardForward
from pib_rl.agents.learners.frozen import Frozen
from pib_rl.agents.learners.local_td import LocalTD
from pib_rl.agents.learners.pib import PIBLearner
from pib_rl.agents.learners.spsa import Spsa
from pib_rl.agents.rule.config import RuleConfig
from pib_rl.common.options import configure, nearest, shown

LEARNERS: dict[str, type[Learner]] = {
    "pib": PIBLearner,
    "frozen": Frozen,
    "backprop": Backprop,
    "backprop-off": BackpropOff,
    "backprop-stale": BackpropStale,
    "dfa": DirectFeedback,
    "forward-forward": ForwardForward,
    "spsa": Spsa,
    "es": EvolutionStrategy,
    "local-td": LocalTD,
}


def find_learner(name: str) -> type[Learner]:
    """The learner of that name; ValueError if there is none."""
    if not isinstance(name, str) or name not in LEARNERS:
        raise ValueError(f"unknown learner {shown(name)}; {nearest(name, list(LEARNERS))}")
    return LEARNERS[name]


def rule_settings(learner: str, options: dict[str, Any]) -> tuple[RuleConfig, Any]:
    """All settings that a learner learns with in reinforcement: those of the rule, and its own ``Options``.

    Args:
        learner: A key of `LEARNERS`.
        options: Settings of both that are asked for, by name.

    Raises:
        ValueError: If the learner or a setting does not exist, or a value does not fit.
    """
    kind = find_learner(learner)
    own, common = split_options(kind, options)
    return configure(RuleConfig, {**kind.defaults, **common}, "the rule"), configure(kind.Options, own, learner)


def split_options(kind: type[Learner], options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Settings of the learner's own, and all others."""
    names = {field.name for field in fields(kind.Options)}
    own = {name: value for name, value in options.items() if name in names}
    return own, {name: value for name, value in options.items() if name not in names}
