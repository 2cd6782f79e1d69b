"""Learning from labels: accuracy on held-out and on test samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.model_selection import train_test_split

from pib_rl.agents.estimators.supervised import PIBClassifier
from pib_rl.agents.estimators.wafer import accuracies
from pib_rl.cli.cli import UserError
from pib_rl.figures import curves as plots
from pib_rl.learning import figures, probes
from pib_rl.learning.data import Data
from pib_rl.learning.task import FinalScores, LearningTask, Split, held_count, judged_chips, mean_scores
from pib_rl.physical.substrate import Read
from pib_rl.runs.folder import RunFolder

KNOWN = 10_000  # training samples that probe and neighbours learn from, at most


class LabelsTask(LearningTask):
    """The units' target is the label."""

    kind = PIBClassifier
    validated, scored = "validation_accuracy", "accuracy"
    shown = ("test_accuracy", "test_accuracy_noiseless", "probe_accuracy", "knn_accuracy", "nmi")

    def hold_out(self, data: Data) -> tuple[Split, Split]:
        """The same share of every class."""
        if data.y_train is None:
            raise UserError("these data hold no labels; give some, or choose --target views")
        names, counts = np.unique(data.y_train, return_counts=True)
        if len(names) < 2:
            raise UserError(f"the training samples must be of 2 classes or more, got one class: {names[0]}")
        if counts.min() < 2:
            raise UserError(
                "every class needs 2 training samples or more (one is for validation), but class "
                f"{names[counts.argmin()]} has {counts.min()}"
            )
        x, x_held, y, y_held = train_test_split(
            data.x_train,
            data.y_train,
            stratify=data.y_train,
            test_size=held_count(len(data.y_train), len(names)),
            random_state=self.split_seed,
        )
        return Split(x, y), Split(x_held, y_held)

    def broadcast(self, part: Split) -> dict[str, Any]:
        """Labels."""
        return {"y": part.y}

    def evaluate(self, data: Data, model: PIBClassifier, fitted: Split, folder: RunFolder) -> FinalScores:
        """Accuracy, what others make of the features, and three pictures."""
        title, labels, last = self.config.title, np.asarray(data.y_test), model.model_.network.last.out_features
        assert fitted.y is not None
        guess, names, first = model.predict(data.x_test), fitted.y[:KNOWN], model.of_chip(0)
        found, mapped = [], np.empty(0)
        for chip, one in enumerate(judged_chips(model)):
            known, seen = one.features(fitted.x[:KNOWN]), one.features(data.x_test)
            found.append(probes.scores(known, names, seen, labels, last, self.draws))
            mapped = mapped if chip else seen[: figures.MAPPED, -last:]
        each = {
            "test_accuracy": accuracies(labels, guess),
            "test_accuracy_noiseless": model.set_params(read=Read.MEAN.value).chip_scores(data.x_test, labels),
        }
        guess = np.atleast_2d(guess)[0]
        inputs = torch.as_tensor(data.x_test[: figures.SHOWN]).to(model.device)
        for name, figure in (
            ("confusion", figures.confusion(labels, guess, model.classes_, f"Test samples: {title}")),
            ("hardware", figures.hardware(first.model_, inputs, data.image, f"What the hardware saw: {title}")),
            ("features", figures.features(mapped, labels, self.draws, f"Last medium: {title}")),
        ):
            folder.save_picture(name, plots.as_png(figure))
        return FinalScores(each, mean_scores(found))
