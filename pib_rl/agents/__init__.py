"""Units that learn by themselves, the networks of them, and the agent."""

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
