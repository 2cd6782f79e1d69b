"""scikit-learn estimators: the same units on the same hardware, learning from data."""

from pib_rl.agents.estimators.encoder import PIBEncoder
from pib_rl.agents.estimators.supervised import PIBClassifier, PIBRegressor

__all__ = ["PIBClassifier", "PIBEncoder", "PIBRegressor"]
