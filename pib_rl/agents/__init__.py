"""Units that learn by themselves, the networks of them, and the agent."""

from pib_rl.agents.agent import make_agent
from pib_rl.agents.evolution import ES
from pib_rl.agents.network import Network
from pib_rl.agents.objectives import OBJECTIVES, Objective
from pib_rl.agents.pib import PIB
from pib_rl.agents.policy import PIBPolicy, Reader
from pib_rl.agents.rivals import RIVALS
from pib_rl.agents.rule import Rule
from pib_rl.agents.rule_config import RuleConfig
from pib_rl.agents.unit import Unit

__all__ = ["ES", "OBJECTIVES", "PIB", "RIVALS", "Network", "Objective", "PIBPolicy", "Reader", "Rule", "RuleConfig",
           "Unit", "make_agent"]
