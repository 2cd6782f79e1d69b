"""A scikit-learn transformer: features from units that learn without labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_array, validate_data
from torch import Tensor

from pib_rl.agents.estimators.arguments import as_samples, precisions
from pib_rl.agents.estimators.base import PhysicalEstimator
from pib_rl.agents.estimators.samples.label_samples import explained_variance
from pib_rl.agents.estimators.samples.view_samples import ViewSamples
from pib_rl.agents.estimators.samples.views import Views, make_views
from pib_rl.agents.estimators.trainer import AT_ONCE
from pib_rl.agents.network.model import joined
from pib_rl.common.options import mapping
from pib_rl.physical.substrate import Read


@dataclass(kw_only=True, eq=False, repr=False)
class PIBEncoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, PhysicalEstimator):
    """Features from units that each raise the information between their own outputs and which views are of one sample.

    No label is touched. Views are random changes that leave what a sample is: deformations where ``image`` says that
    the features are pixels, features swapped between samples otherwise. The readout learns to undo them, by a local
    delta rule: `inverse_transform` asks it what features look like. Nothing is differentiated through hardware.

    Args:
        objective: "pointwise", "ridge", "cka" or "renyi"; "gaussian" wants real-valued targets, and
            "decoder" targets that stay the same from batch to batch.
        views: Settings of the views that differ from their default, see `ImageOptions` and `VectorOptions`.

    The other arguments are those of `PhysicalEstimator`. What early stopping looks at is the `score` of the decoder on
    views of held-out samples, the same views each time; it says how much of a sample the features keep.
    """

    _labels = False

    objective: str = "pointwise"

    def prepare(self, X: Any, y: Any = None, *, other: Any = None) -> PIBEncoder:
        """Checks data and arguments and makes the chip, untrained; those are of `fit`."""
        return super().prepare(X, other)

    def fit(
        self,
        X: Any,
        y: Any = None,
        watch: Callable[[dict[str, float]], None] | None = None,
        *,
        other: Any = None,
        watch_every: int = 1,
    ) -> PIBEncoder:
        """Learns for all epochs, or until early stopping; in each, a last batch of less than half the size is left out.

        Args:
            X: Inputs, shape (n, features), n >= 2.
            y: Ignored.
            watch: Called after each epoch with the means of its metrics.
            other: What each sample looked like at another time, of the shape of X, such as the next observation: the
                second view is one of that. None for two views of X. With it, vectors are not swapped by default.
            watch_every: Call ``watch`` only after so many epochs, and after the last one, with means over these.
        """
        return self._fit(X, other, None, watch, watch_every)

    def partial_fit(self, X: Any, y: Any = None, *, other: Any = None) -> PIBEncoder:
        """One pass over 2 samples or more, at rates that do not fall; the first call sets all statistics."""
        return self._learn_once(X, other)

    def transform(self, X: Any) -> np.ndarray:
        """Features: outputs of the media behind all units, one after the other, shape (*chips, n, taps)."""
        return self.features(X)

    def inverse_transform(self, X: Any) -> np.ndarray:
        """What the decoder makes of features: inputs in their own units, shape (*chips, n, features).

        Args:
            X: Features as `transform` gives them, shape (*chips, n, taps); or (n, taps), the same for all chips.

        Raises:
            ValueError: If there are not as many features, or chips, as `transform` gives.
        """
        model, wafer = self._model(), self._wafer
        taps = torch.tensor(as_samples(check_array(X, dtype=np.float32, allow_nd=wafer)), device=self.device)
        if taps.shape[-1] != self._n_features_out:
            raise ValueError(
                f"X must have the {self._n_features_out} features that transform gives, got {taps.shape[-1]}"
            )
        if taps.shape[:-2] not in ((), model.streams.chips):
            raise ValueError(
                f"X must have the {model.chip.chips} chips that transform gives, got shape {tuple(taps.shape)}"
            )
        with torch.inference_mode():
            decoded = model.readout.measure(taps, Read(self.read))
            return np.asarray((decoded * model.normaliser.std + model.normaliser.mean).cpu(), dtype=np.float64)

    def view(self, X: Any, *, other: Any = None) -> np.ndarray:
        """The two views of each sample that a step of learning might see, shape (2, n, features), raw; drawn aside."""
        model = self._model()
        with model.streams.aside("view"):
            views = self.samples(X, other=other).raw(torch.arange(len(X), device=self.device))
        return np.asarray(views.view(2, len(X), -1).cpu(), dtype=np.float64)

    def score(self, X: Any, y: Any = None, *, other: Any = None) -> float:
        """Fraction of the variance of samples that the decoder gets back from views, at most 1; ``y`` is ignored.

        On a wafer it is the mean over its chips.
        """
        return float(self.chip_scores(X, other=other).mean())

    @torch.inference_mode()
    def chip_scores(self, X: Any, y: Any = None, *, other: Any = None) -> np.ndarray:
        """`score` of each chip, shape (chips,), all of them on the same views."""
        model, samples = self._model(), self.samples(X, other=other)
        with model.streams.aside("score", anew=True), self._few_threads(min(AT_ONCE, len(samples))):
            picks = torch.split(torch.arange(len(samples), device=self.device), AT_ONCE)
            decoded = joined([model.measure(samples.inputs(pick), Read(self.read)) for pick in picks])
        wanted = joined([samples.wanted(pick) for pick in picks])
        return np.asarray(explained_variance(decoded, wanted).cpu(), dtype=np.float64).reshape(-1)

    def samples(self, X: Any, y: Any = None, *, other: Any = None) -> ViewSamples:
        """Data as the fitted units see them when they learn: views, and which are of one sample."""
        self._model()
        x, later, _ = self._take(X, other, first=False)
        return self._samples(self._tensor(x), later.to(self.device))

    @property
    def _n_features_out(self) -> int:
        return self._model().network.tap_features

    def _check(self) -> None:
        super()._check()
        wants = {"gaussian": "real-valued targets", "decoder": "targets that stay the same from batch to batch"}
        if self.objective in wants:
            raise ValueError(
                f"objective {self.objective!r} learns {wants[self.objective]} and can't tell views apart; "
                "choose pointwise, ridge, cka or renyi"
            )

    def _two_views(self, paired: bool) -> Views:
        options = {"swap": 0.0} if paired and self.image is None else {}
        return make_views(self._chip.image, options | mapping("views", self.views))

    def _take(self, X: Any, y: Any, first: bool, sample_weight: Any = None) -> tuple[np.ndarray, Tensor, None]:
        """Checked inputs, and their other views, given in the place of labels; none have no length, nor weights."""
        x = validate_data(self, X, dtype=precisions(X), reset=first, ensure_min_samples=2)
        other = None if y is None else check_array(y, dtype=precisions(y), input_name="other")
        x, other = as_samples(x), None if other is None else as_samples(other)
        self._check_image(x)
        if other is not None and other.shape != x.shape:
            raise ValueError(f"other must have the shape of X, {x.shape}, got {other.shape}")
        return x, torch.empty(0, dtype=torch.float32) if other is None else torch.tensor(other), None

    def _outputs(self) -> int:
        return int(self.n_features_in_)

    def _samples(self, x: Tensor, y: Tensor) -> ViewSamples:
        paired = len(y) > 0
        return ViewSamples(self.model_, x, self._two_views(paired), y.to(x) if paired else None)
