"""scikit-learn estimators: the same units on the same hardware, other targets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import torch
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils import Tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d
from torch import Tensor

from pib_rl.agents.estimators.base import PhysicalEstimator
from pib_rl.agents.estimators.encoder import PIBEncoder
from pib_rl.agents.estimators.samples.label_samples import ClassSamples, LabelledSamples, ValueSamples
from pib_rl.agents.estimators.samples.weights import checked_weights
from pib_rl.agents.estimators.wafer import accuracies, r2_scores
from pib_rl.agents.network.normaliser import ROUNDING

__all__ = ["PIBClassifier", "PIBEncoder", "PIBRegressor"]

Self = TypeVar("Self", bound="SupervisedEstimator")


class SupervisedEstimator(PhysicalEstimator):
    """Units and a readout that learn what is known of each sample: its label, or real values."""

    def fit(
        self: Self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        watch: Callable[[dict[str, float]], None] | None = None,
        watch_every: int = 1,
    ) -> Self:
        """Learns for all epochs, or until early stopping; in each, a last batch of less than half the size is left out.

        Args:
            X: Inputs, shape (n, features), n >= 2.
            y: Labels, shape (n,); real values, shape (n,) or (n, k).
            sample_weight: How often each sample counts, shape (n,), 0 or more; only ratios matter. None for all alike.
                An epoch draws each about n w_i / sum_j w_j times, see `pib_rl.agents.estimators.samples.weights`.
            watch: Called after each epoch with the means of its metrics.
            watch_every: Call it only after so many epochs, and after the last one, with means over these. Units that
                are elsewhere then begin the next epoch before the last batches of one are through.

        Raises:
            ValueError: If the data or an argument does not fit; the message says what is expected.
        """
        return self._fit(X, y, sample_weight, watch, watch_every)


class PIBClassifier(ClassifierMixin, SupervisedEstimator):
    """Classes from units that each raise the information between their own outputs and the label.

    The readout sees the outputs of all units and learns by a local delta rule. Nothing is differentiated through
    hardware. Arguments are those of `PhysicalEstimator`. Where shapes name ``*chips``, a wafer has a leading axis of
    its chips there, and one chip has none.

    Attributes:
        classes_: The labels.
    """

    _classes = True

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> PIBClassifier:
        """One pass over 2 samples or more, at rates that do not fall.

        Args:
            X: Inputs, shape (n, features).
            y: Labels, shape (n,).
            classes: All labels there will be; needed by the first call unless y holds them.
            sample_weight: As in `fit`: how often each of these samples counts beside the others of the call.

        Raises:
            ValueError: If the data do not fit, or the classes differ from those of the first call.
        """
        if not hasattr(self, "model_"):
            if classes is not None:
                self._given = np.unique(classes)
        elif classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(
                f"classes must be those of the first call, {list(self.classes_)}, got {list(np.unique(classes))}"
            )
        try:
            return self._learn_once(X, y, sample_weight)
        finally:
            self.__dict__.pop("_given", None)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities of the classes, shape (*chips, n, classes)."""
        outputs = self._predict(X)
        odds = np.exp(outputs - outputs.max(-1, keepdims=True))
        return np.asarray(odds / odds.sum(-1, keepdims=True))

    def predict(self, X: Any) -> np.ndarray:
        """Most likely class of each sample, shape (*chips, n)."""
        picked = self._predict(X).argmax(-1)
        return np.asarray(self.classes_[picked])

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Accuracy, a fraction; on a wafer the mean over its chips. Arguments are those of `chip_scores`."""
        if self._wafer:
            return float(self.chip_scores(X, y, sample_weight).mean())
        return float(super().score(X, y, checked_weights(sample_weight, np.asarray(y))))

    def chip_scores(self, X: Any, y: Any = None, sample_weight: Any = None) -> np.ndarray:
        """Accuracy of each chip, shape (chips,).

        Args:
            X: Inputs, shape (n, features).
            y: Labels, shape (n,).
            sample_weight: How much each sample counts, shape (n,); None for all alike.
        """
        return accuracies(column_or_1d(y), self.predict(X), checked_weights(sample_weight, np.asarray(y)))

    def _encode(self, y: np.ndarray, first: bool, weight: np.ndarray | None = None) -> Tensor:
        check_classification_targets(y)
        y = column_or_1d(y, warn=True)
        if first:
            self.classes_ = getattr(self, "_given", np.unique(y))
        if len(self.classes_) < 2:
            raise ValueError(f"a classifier needs samples of 2 classes or more, got one class: {self.classes_[0]}")
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(
                f"y holds the label {unknown[0]}, which is not among the classes of the first fit; "
                "name all of them in partial_fit(X, y, classes=...)"
            )
        return torch.as_tensor(np.searchsorted(self.classes_, y))

    def _outputs(self) -> int:
        return len(self.classes_)

    def _samples(self, x: Tensor, y: Tensor) -> LabelledSamples:
        return ClassSamples(self.model_, x, y, self._views())

    def _held_samples(self, x: Tensor, y: Tensor) -> LabelledSamples:
        return ClassSamples(self.model_, x, y)


class PIBRegressor(RegressorMixin, SupervisedEstimator):
    """Real values from units that each raise the information between their own outputs and the values.

    Arguments are those of `PhysicalEstimator`. Where shapes name ``*chips``, a wafer has a leading axis of its chips
    there, and one chip has none.
    """

    _numeric = True

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> PIBRegressor:
        """One pass over 2 samples or more, at rates that do not fall; the first call sets all statistics.

        Weights are as in `fit`: how often each of these samples counts beside the others of the call.
        """
        return self._learn_once(X, y, sample_weight)

    def predict(self, X: Any) -> np.ndarray:
        """Values, shape (*chips, n) or (*chips, n, k) as in `fit`."""
        values: np.ndarray = self._predict(X) * self.spread_ + self.mean_
        return values[..., 0] if self.flat_ else values

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Explained variance R2, 1 at best; on a wafer the mean over its chips. Arguments as of `chip_scores`."""
        if self._wafer:
            return float(self.chip_scores(X, y, sample_weight).mean())
        return float(super().score(X, y, checked_weights(sample_weight, np.asarray(y))))

    def chip_scores(self, X: Any, y: Any = None, sample_weight: Any = None) -> np.ndarray:
        """Explained variance R2 of each chip, shape (chips,), the mean over the values where there are several.

        Args:
            X: Inputs, shape (n, features).
            y: Values, shape (n,) or (n, k).
            sample_weight: How much each sample counts, shape (n,); None for all alike.
        """
        return r2_scores(np.asarray(y), self.predict(X), checked_weights(sample_weight, np.asarray(y)))

    def _encode(self, y: np.ndarray, first: bool, weight: np.ndarray | None = None) -> Tensor:
        values = np.asarray(y, dtype=np.float64)
        flat = values.ndim == 1
        values = values.reshape(len(values), -1)
        if first:
            self.flat_ = flat
            with np.errstate(over="ignore", invalid="ignore"):
                self.mean_, spread = values.mean(0), values.std(0)
                if weight is not None:
                    self.mean_ = np.average(values, 0, weight)
                    spread = np.sqrt(np.average(np.square(values - self.mean_), 0, weight))
            if not np.isfinite(spread).all():
                raise ValueError("y is too large: its standard deviation is no finite number; scale it down")
            self.spread_ = np.where(spread > self._rounding, spread, 1.0)
        if values.shape[1] != len(self.mean_):
            raise ValueError(
                f"y must have {len(self.mean_)} values per sample as in the first fit, got {values.shape[1]}"
            )
        gap = values - self.mean_
        gap[np.abs(gap) <= self._rounding] = 0.0  # Adam would blow up even that
        return torch.as_tensor(gap / self.spread_, dtype=torch.float32)

    @property
    def _rounding(self) -> np.ndarray:
        """How far from their mean values may lie by rounding alone, shape (k,)."""
        return np.asarray(ROUNDING * np.finfo(np.float64).eps * np.abs(self.mean_))

    def _outputs(self) -> int:
        return len(self.mean_)

    def _samples(self, x: Tensor, y: Tensor) -> LabelledSamples:
        return ValueSamples(self.model_, x, y, self._views())

    def _held_samples(self, x: Tensor, y: Tensor) -> LabelledSamples:
        return ValueSamples(self.model_, x, y)
