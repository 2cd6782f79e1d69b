"""An encoder trained without labels whose chip breaks."""

from __future__ import annotations

from typing import Any

import numpy as np

from pib_rl.adaptation.config import AdaptConfig
from pib_rl.adaptation.estimators import EstimatorRecovery, aside
from pib_rl.adaptation.recovery import Chip
from pib_rl.agents.estimators.encoder import PIBEncoder
from pib_rl.learning import probes
from pib_rl.learning.task import LearningTask
from pib_rl.runs.folder import RunFolder


class EncoderRecovery(EstimatorRecovery):
    """A run of ``learn`` without labels. Performance is what such a run reports first.

    Where the data hold labels, that is the accuracy of a linear probe. Features are others after a fault, and others
    again after learning: the probe is fit anew at each look, to all samples that the run learned from, and judged by
    test samples or validation samples. What it reports is what the features are still worth to somebody who fits a
    probe to them. Somebody who can't, and keeps the probe of before the fault, gets what ``after_old_probe`` and
    ``final_old_probe`` say, on test samples. Labels judge, nobody learns from them.

    Where they hold none, performance is the share of the variance of validation samples that the decoder gets back from
    views of them, the same views each time. The decoder is the chip's readout, and learns on with it.
    """

    def __init__(self, config: AdaptConfig, run: RunFolder, settings: dict[str, Any]) -> None:
        super().__init__(config, run, settings)
        self.labelled = self.fitted.y is not None and self.data.y_test is not None
        if self.labelled:
            self.scored, self.named = "linear probe accuracy", "probe_accuracy"
            self.column = "validation_probe_accuracy"
        self.old_probe: Any = None

    def apply_faults(self, chip: Chip) -> None:
        if self.labelled:
            with aside(self.loaded):
                self.old_probe = self._probe(self.loaded)
        super().apply_faults(chip)

    def tested(self, model: PIBEncoder) -> float:
        return self._accuracy(model, self.data.x_test, self.data.y_test) if self.labelled else self._decoded(model)

    def tested_with_old_probe(self, model: PIBEncoder) -> float | None:
        if not self.labelled:
            return None
        return float(self.old_probe.score(model.transform(self.data.x_test), self.data.y_test))

    def watched(self, model: PIBEncoder) -> float:
        return self._accuracy(model, self.held.x, self.held.y) if self.labelled else self._decoded(model)

    def seen(self, model: PIBEncoder, task: LearningTask) -> dict[str, float]:
        found = super().seen(model, task)
        if self.labelled:
            with aside(model):
                found[self.column] = self.watched(model)
        return found

    def _accuracy(self, model: PIBEncoder, x: np.ndarray, y: np.ndarray | None) -> float:
        """Of a probe that is fit to the features as they are now."""
        return float(self._probe(model).score(model.transform(x), y))

    def _probe(self, model: PIBEncoder) -> Any:
        assert self.fitted.y is not None
        return probes.linear(model.transform(self.fitted.x), self.fitted.y)

    def _decoded(self, model: PIBEncoder) -> float:
        return model.score(self.held.x, other=self.held.other)
