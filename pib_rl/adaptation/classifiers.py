"""A classifier trained from labels whose chip breaks."""

from __future__ import annotations

from pib_rl.adaptation.estimators import EstimatorRecovery
from pib_rl.agents.estimators.supervised import PIBClassifier
from pib_rl.learning.labels import LabelsTask


class ClassifierRecovery(EstimatorRecovery):
    """A run of ``learn`` with labels of classes. Performance is the accuracy."""

    task_kind, scored = LabelsTask, "accuracy"
    named, column = "test_accuracy", LabelsTask.validated

    def tested(self, model: PIBClassifier) -> float:
        return float(model.score(self.data.x_test, self.data.y_test))

    def watched(self, model: PIBClassifier) -> float:
        return float(model.score(self.held.x, self.held.y))
