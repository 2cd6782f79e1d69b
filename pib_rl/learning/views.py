"""Learning without labels: what others make of the features, beside what they make of the inputs themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from pib_rl.agents.estimators.encoder import PIBEncoder
from pib_rl.agents.network.normaliser import Normaliser
from pib_rl.figures import curves as plots
from pib_rl.learning import figures, probes
from pib_rl.learning.data import Data
from pib_rl.learning.task import FinalScores, LearningTask, Split, held_count, judged_chips, mean_scores
from pib_rl.runs.folder import RunFolder
from pib_rl.runs.result import RunResult, as_text, describe

COMPONENTS = 50  # of the principal component analysis beside
METRICS = ("probe_accuracy", f"probe_{probes.FEW}_accuracy", "knn_accuracy", "nmi")  # of any set of features


class ViewsTask(LearningTask):
    """The units' target is which views are of one sample. Labels, if there are any, serve the evaluation alone."""

    kind = PIBEncoder
    validated, scored = "validation_score", "variance that the decoder gets back from views"
    shown = ("validation_score",)

    def hold_out(self, data: Data) -> tuple[Split, Split]:
        """Any samples, whatever their labels; the last ones of a log, whose neighbours in time would give them away."""
        count = held_count(len(data.x_train), 2)
        pick, held = train_test_split(
            np.arange(len(data.x_train)), test_size=count, random_state=self.split_seed, shuffle=data.x_next is None
        )  # what was logged: the end of it
        everything = Split(data.x_train, data.y_train, data.x_next)
        return everything.take(pick), everything.take(held)

    def broadcast(self, part: Split) -> dict[str, Any]:
        """What was seen a moment later."""
        return {"other": part.other}

    def evaluate(self, data: Data, model: PIBEncoder, fitted: Split, folder: RunFolder) -> FinalScores:
        """Figures of the features, of the inputs and of their principal components; three pictures."""
        x_test, last = data.x_test if len(data.x_test) else fitted.x[: figures.MAPPED], model.model_.network.last
        found: list[dict[str, float]] = []
        for chip, one in enumerate(judged_chips(model)):
            seen = one.transform(x_test)
            if chip == 0:
                self._draw(data, one, fitted, seen, folder)
            if fitted.y is None or data.y_test is None:
                return FinalScores({}, {})
            known = one.transform(fitted.x)
            found.append(self._judge(known, fitted.y, seen, data.y_test, last.out_features))
        return FinalScores({}, mean_scores(found) | self._judge_inputs(data, fitted))

    def _draw(self, data: Data, model: PIBEncoder, fitted: Split, seen: np.ndarray, folder: RunFolder) -> None:
        """Pictures of one chip; ``seen`` are its features of test samples, or of training samples."""
        title, last = self.config.title, model.model_.network.last.out_features
        shown, names = (data.x_test, data.y_test) if len(data.x_test) else (fitted.x, fitted.y)
        inputs = torch.as_tensor(shown[: figures.SHOWN]).to(model.device)
        views = figures.views(model, fitted.x, fitted.other, data.image, f"Views and what is decoded: {title}")
        for name, figure in (
            ("views", views),
            ("hardware", figures.hardware(model.model_, inputs, data.image, f"What the hardware saw: {title}")),
            ("features", figures.features(seen[:, -last:], names, self.draws, f"Last medium: {title}")),
        ):
            folder.save_picture(name, plots.as_png(figure))

    def _judge_inputs(self, data: Data, fitted: Split) -> dict[str, Any]:
        """The same of the inputs themselves and of their principal components."""
        assert fitted.y is not None
        assert data.y_test is not None
        scale = Normaliser(fitted.x.shape[1], common=data.image is not None)  # as the network sees them
        scale.update(torch.as_tensor(fitted.x))
        known, other = (scale(torch.as_tensor(part)).numpy() for part in (fitted.x, data.x_test))
        pca = PCA(min(COMPONENTS, *known.shape), random_state=self.draws)
        with np.errstate(invalid="ignore"):  # shares of a variance of 0
            pca.fit(known)
        return {
            "inputs": self._judge(known, fitted.y, other, data.y_test),
            "pca": self._judge(pca.transform(known), fitted.y, pca.transform(other), data.y_test),
        }

    def _judge(
        self, known: np.ndarray, names: np.ndarray, seen: np.ndarray, labels: np.ndarray, last: int = 0
    ) -> dict[str, float]:
        """`METRICS` of one set of features: neighbours and clusters by the ``last`` ones; 0 for all."""
        few = probes.probe(known, names, seen, labels, few=True)
        return probes.scores(known, names, seen, labels, last, self.draws) | {f"probe_{probes.FEW}_accuracy": few}

    @classmethod
    def table(cls, result: RunResult) -> tuple[list[str], list[list[str]]]:
        """Columns: the features, and where there are labels, the inputs themselves and their principal components."""
        columns, decoded = super().table(result)
        if result.inputs is None:
            return columns, decoded
        beside = [result.plain(), result.inputs, result.pca or {}]
        rows = [[describe(name)["help"], *(as_text(name, one.get(name)) for one in beside)] for name in METRICS]
        return ["test samples", "features", "inputs", f"PCA {COMPONENTS}"], [*rows, [*decoded[0], "", ""]]
