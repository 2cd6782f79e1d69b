"""Action heads: distributions over actions, and what lies between a head's actions and a task's."""

from pib_rl.agents.heads.base import Head
from pib_rl.agents.heads.bernoulli import BernoulliHead
from pib_rl.agents.heads.discrete import DiscreteHead
from pib_rl.agents.heads.gaussian import GaussianHead
from pib_rl.agents.heads.make import make_head
from pib_rl.agents.heads.product import ProductHead
from pib_rl.agents.heads.units import ActionUnits, Numbered, action_units

__all__ = [
    "ActionUnits",
    "BernoulliHead",
    "DiscreteHead",
    "GaussianHead",
    "Head",
    "Numbered",
    "ProductHead",
    "action_units",
    "make_head",
]
