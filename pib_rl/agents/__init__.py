"""Units that learn by themselves, the networks of them, and the agent. Each is imported when it is first asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pib_rl.common.late.attributes import late_attributes

if TYPE_CHECKING:
    from pib_rl.agents.agent import make_agent
    from pib_rl.agents.es import ES
    from pib_rl.agents.learners.registry import LEARNERS
    from pib_rl.agents.network.network import Network
    from pib_rl.agents.network.unit import Unit
    from pib_rl.agents.objectives import OBJECTIVES, Objective
    from pib_rl.agents.pib import PIB
    from pib_rl.agents.policy import CnnPolicy, PIBPolicy, Reader
    from pib_rl.agents.rule.config import RuleConfig
    from pib_rl.agents.rule.iteration import Rule

__all__ = [
    "ES",
    "LEARNERS",
    "OBJECTIVES",
    "PIB",
    "CnnPolicy",
    "Network",
    "Objective",
    "PIBPolicy",
    "Reader",
    "Rule",
    "RuleConfig",
    "Unit",
    "make_agent",
]

__getattr__ = late_attributes(
    __name__,
    {
        "ES": "pib_rl.agents.es",
        "LEARNERS": "pib_rl.agents.learners.registry",
        "OBJECTIVES": "pib_rl.agents.objectives",
        "PIB": "pib_rl.agents.pib",
        "CnnPolicy": "pib_rl.agents.policy",
        "Network": "pib_rl.agents.network.network",
        "Objective": "pib_rl.agents.objectives",
        "PIBPolicy": "pib_rl.agents.policy",
        "Reader": "pib_rl.agents.policy",
        "Rule": "pib_rl.agents.rule.iteration",
        "RuleConfig": "pib_rl.agents.rule.config",
        "Unit": "pib_rl.agents.network.unit",
        "make_agent": "pib_rl.agents.agent",
    },
)
