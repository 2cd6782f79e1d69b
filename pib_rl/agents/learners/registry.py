"""All ways to train the hidden arrays, on the same hardware and in the same loop; imported when first asked for."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from pib_rl.agents.rule.config import RuleConfig
from pib_rl.common.late.catalogue import Catalogue
from pib_rl.common.options import configure, nearest, shown

if TYPE_CHECKING:
    from pib_rl.agents.learners.base import Learner

LEARNERS: Catalogue[type[Learner]] = Catalogue(
    {
        "pib": "pib_rl.agents.learners.pib:PIBLearner",
        "frozen": "pib_rl.agents.learners.frozen:Frozen",
        "backprop": "pib_rl.agents.learners.backprop:Backprop",
        "backprop-off": "pib_rl.agents.learners.backprop:BackpropOff",
        "backprop-stale": "pib_rl.agents.learners.backprop:BackpropStale",
        "dfa": "pib_rl.agents.learners.dfa:DirectFeedback",
        "forward-forward": "pib_rl.agents.learners.forward_forward:ForwardForward",
        "spsa": "pib_rl.agents.learners.spsa:Spsa",
        "es": "pib_rl.agents.learners.es:EvolutionStrategy",
        "local-td": "pib_rl.agents.learners.local_td:LocalTD",
    }
)


def check_learner(name: str) -> None:
    """Raises ValueError unless there is a learner of that name."""
    if not isinstance(name, str) or name not in LEARNERS:
        raise ValueError(f"unknown learner {shown(name)}; {nearest(name, list(LEARNERS))}")


def find_learner(name: str) -> type[Learner]:
    """The learner of that name; ValueError if there is none."""
    check_learner(name)
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
