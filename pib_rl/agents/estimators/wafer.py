"""Estimators on a wafer: what each of its chips learned, and one of them on its own."""

from __future__ import annotations

from abc import abstractmethod
from copy import deepcopy
from typing import Any, TypeVar

import numpy as np
from sklearn.metrics import r2_score
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from pib_rl.agents.estimators.stored import StoredEstimator
from pib_rl.agents.network.model import PhysicalModel
from pib_rl.agents.network.wafer import check_chip, chip_state
from pib_rl.physical.faults import parse

Self = TypeVar("Self", bound="WaferEstimator")


class WaferEstimator(StoredEstimator):
    """An estimator whose network is on one chip, or on each of the ``chips`` of a wafer.

    Attributes:
        model_: All chips.
    """

    model_: PhysicalModel
    seed: int
    faults: Any

    @abstractmethod
    def chip_scores(self, X: Any, y: Any = None) -> np.ndarray:
        """Score of each chip by itself, shape (chips,); `score` is their mean."""

    def of_chip(self: Self, chip: int) -> Self:
        """One chip of a wafer as an estimator with one chip, fitted, that predicts and learns on like any other.

        It has the chip as it is now. Its ``seed`` is that of the chip, seed + chip, and so is its noise from here on.
        Faults that have a size per chip have that of this one. ``history_`` is that of the wafer: means over its chips.

        Args:
            chip: Number of the chip, from 0. Of an estimator with one chip, 0 gives the estimator itself.

        Raises:
            ValueError: If there is no such chip.
            NotFittedError: If nothing was learned yet.
        """
        model = self._model()
        count = model.chip.chips
        check_chip(chip, count)
        if count == 1:
            return self
        faults = [str(parse(text).of_chip(chip, count)) for text in self.faults]
        settings = {"seed": model.chip.seed + chip, "chips": 1, "faults": faults}
        single = type(self)(**self.get_params(deep=False) | settings)
        for name, value in vars(self).items():
            if name.endswith("_") and name not in ("model_", "learner_"):
                setattr(single, name, deepcopy(value))
        single._fabricate(model.normaliser.mean.shape[-1])
        single.model_.load_state_dict(chip_state(model.state_dict(), single.model_.state_dict(), chip))
        return single

    def _model(self) -> PhysicalModel:
        check_is_fitted(self, "model_")
        return self.model_

    @property
    def _wafer(self) -> bool:
        """Whether what it predicts has a leading axis of chips."""
        return bool(self._model().streams.chips)

    @abstractmethod
    def _fabricate(self, features: int) -> None:
        """Makes the chip and its learner for so many features, with statistics of nothing yet."""


def accuracies(truth: np.ndarray, guess: np.ndarray, weight: Any = None) -> np.ndarray:
    """Accuracy of each chip, shape (chips,).

    Args:
        truth: Labels, shape (n,).
        guess: What each chip takes them for, shape (*chips, n).
        weight: How much each sample counts, shape (n,); None for all alike.
    """
    guess = np.atleast_2d(guess)
    check_consistent_length(truth, guess[0], weight)
    return np.asarray(np.average(guess == truth, axis=-1, weights=weight))


def r2_scores(truth: np.ndarray, guess: np.ndarray, weight: Any = None) -> np.ndarray:
    """Explained variance R2 of each chip, shape (chips,), the mean over the values where there are several.

    Args:
        truth: Values, shape (n,) or (n, k).
        guess: What each chip predicts, shape (*chips, n) or (*chips, n, k).
        weight: How much each sample counts, shape (n,); None for all alike.
    """
    k = truth.shape[1] if truth.ndim > 1 else 1
    each = guess.reshape(-1, guess.shape[truth.ndim * -1], k)
    check_consistent_length(truth, each[0], weight)
    found = each.swapaxes(0, 1).reshape(len(truth), -1)
    known = np.tile(truth.reshape(-1, k), len(each))
    scores = r2_score(known, found, sample_weight=weight, multioutput="raw_values")
    return np.asarray(scores.reshape(-1, k).mean(1))
