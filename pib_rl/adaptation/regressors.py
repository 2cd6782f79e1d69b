"""A regressor trained from real values whose chip breaks."""

from __future__ import annotations

from pib_rl.adaptation.estimators import EstimatorRecovery
from pib_rl.agents.estimators.supervised import PIBRegressor
from pib_rl.learning.values import ValuesTask


class RegressorRecovery(EstimatorRecovery):
    """A run of ``learn`` with real values. Performance is the explained variance, R2, mean over the values."""

    task_kind, scored = ValuesTask, ValuesTask.scored
    named, column = "test_r2", ValuesTask.validated

    def tested(self, model: PIBRegressor) -> float:
        return float(model.score(self.data.x_test, self.data.y_test))

    def watched(self, model: PIBRegressor) -> float:
        return float(model.score(self.held.x, self.held.y))
