"""scikit-learn estimators: the same units on the same hardware, other targets."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import Tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data
from torch import Tensor
from tqdm import tqdm

from pib_rl.agents.label_samples import ClassSamples, LabelledSamples, ValueSamples
from pib_rl.agents.layout import Grid, Patch
from pib_rl.agents.lessons import find_learner, resolve, shipped
from pib_rl.agents.model import PhysicalModel
from pib_rl.agents.trainer import Trainer
from pib_rl.physical.substrate import Read

AT_ONCE = 1024  # samples that are measured together
STEPS, LEAST, MOST = 2000, 10, 200  # epochs=None: as many as make so many steps, within these bounds

Self = TypeVar("Self", bound="PhysicalEstimator")


class PhysicalEstimator(BaseEstimator):
    """What classifier and regressor share: units and a readout on hardware, trained by local objectives.

    Args:
        hw: Name of the substrate: "digital", "memristive", "optical", or one of an installed package.
        units: Number of units.
        width: Outputs of each unit.
        objective: "ridge", "pointwise", "gaussian", "cka" or "renyi".
        epochs: Passes over the data; None for as many as make 2000 steps, 10 at least and 200 at most.
        batch_size: Samples per step, 4 or more.
        mode: "pib", or a rival that trains the hidden arrays in its place; "frozen" leaves them as fabricated.
        hw_options: Values of the substrate's configuration that differ from its default.
        objective_options: Keyword arguments of the objective.
        rule: Settings of `LessonConfig` and of the mode by name, where they differ from those that are shipped.
        scaling: How inputs are standardised: "feature", each by itself, or "common", all by one mean and deviation
            (images).
        image: Height and width, if the features are the pixels of an image, row by row; (height, width, channels) if
            each pixel has several. Needed for ``patches``.
        patches: (channels, size, stride) of each unit that looks at squares of the image in front of the ``units``
            others: one array for all squares, see `Patch`.
        read: How predictions read the hardware: "mean" (repeatable), "noisy" (as it is) or "ideal".
        seed: Seed of the chip, its noise and the order of samples.
        device: torch device.
        verbose: Show a progress bar.
        warm_start: Let `fit` go on with the chip as it is.
    """

    def __init__(self, *, hw: str = "digital", units: int = 3, width: int = 128, objective: str = "ridge",
                 epochs: int | None = None, batch_size: int = 256, mode: str = "pib",
                 hw_options: dict[str, Any] | None = None, objective_options: dict[str, Any] | None = None,
                 rule: dict[str, Any] | None = None, scaling: str = "feature",
                 image: tuple[int, ...] | None = None, patches: Sequence[tuple[int, int, int]] = (),
                 read: str = "mean", seed: int = 0, device: str = "cpu", verbose: bool = False,
                 warm_start: bool = False) -> None:
        self.hw = hw
        self.units = units
        self.width = width
        self.objective = objective
        self.epochs = epochs
        self.batch_size = batch_size
        self.mode = mode
        self.hw_options = hw_options
        self.objective_options = objective_options
        self.rule = rule
        self.scaling = scaling
        self.image = image
        self.patches = patches
        self.read = read
        self.seed = seed
        self.device = device
        self.verbose = verbose
        self.warm_start = warm_start

    def prepare(self: Self, X: Any, y: Any) -> Self:
        """Checks data and arguments and makes the chip, untrained; `fit` goes on from there with ``warm_start``.

        Arguments and errors are those of `fit`.
        """
        self._accept(X, y, first=True)
        return self

    def fit(self: Self, X: Any, y: Any, watch: Callable[[dict[str, float]], None] | None = None) -> Self:
        """Learns from all samples, for all epochs.

        Args:
            X: Inputs, shape (n, features), n >= 2.
            y: Labels, length n.
            watch: Called after each epoch with the means of its figures.

        Raises:
            ValueError: If the data or an argument does not fit; the message says what is expected.
        """
        x, target = self._accept(X, y, first=not (self.warm_start and hasattr(self, "model_")))
        epochs = self._epochs(len(x))
        with tqdm(total=epochs, unit="epoch", disable=not self.verbose, dynamic_ncols=True) as bar:
            def note(epoch: int, log: dict[str, float]) -> None:
                self.history_.append(log)
                if watch is not None:
                    watch(log)
                bar.set_postfix({"loss": f"{log['loss']:.3f}"}, refresh=False)
                bar.update()

            self._trainer(epochs).fit(self._samples(x, target), note)
        return self

    def features(self, X: Any) -> np.ndarray:
        """What the readout sees: outputs of the media behind all units, one after the other, shape (n, taps)."""
        return self._read(X, self._model().taps)

    def _learn_once(self: Self, X: Any, y: Any) -> Self:
        """One pass over these samples at the full rates; the first call makes the chip."""
        x, target = self._accept(X, y, first=not hasattr(self, "model_"))
        self.history_.append(self._trainer(1).epoch(self._samples(x, target)))
        return self

    def _accept(self, X: Any, y: Any, first: bool) -> tuple[Tensor, Tensor]:
        """Checks the data; makes the model at first."""
        x, y = validate_data(self, X, y, dtype=np.float32, reset=first, ensure_min_samples=2, multi_output=True,
                             y_numeric=self._numeric)
        if find_learner(self.mode).answer_inputs and self.patches:
            raise ValueError(f"mode {self.mode!r} needs inputs for labels beside the image, which patches do not see; "
                             "leave out patches, or choose another mode")
        if self.scaling not in ("feature", "common"):
            raise ValueError(f"scaling must be feature or common, got {self.scaling!r}")
        target = self._encode(y, first)
        inputs = self._tensor(x)
        if first:
            self._make(inputs)
        return inputs, target.to(self.device)

    def _make(self, x: Tensor) -> None:
        outputs, kind = self._outputs(), find_learner(self.mode)
        settings = shipped(self.hw, self.mode) | dict(self.rule or {})
        options = settings.pop("hw_options", {}) | dict(self.hw_options or {})
        gain = settings.pop("input_gain", None)
        config, own = resolve(self.mode, settings | {"epochs": 1, "batch_size": self.batch_size})
        self.model_ = PhysicalModel(
            x.shape[1], outputs, hw=self.hw, hw_options=options, width=self.width, units=self.units,
            objective=self.objective, objective_options=self.objective_options, target_features=outputs,
            answer_inputs=kind.answer_inputs, common=self.scaling == "common", input_gain=gain,
            patches=[Patch(*patch) for patch in self.patches], image=None if self.image is None else Grid(*self.image),
            seed=self.seed,
        ).to(self.device)
        self.model_.meet(x)
        self.learner_ = kind(self.model_, config, own)
        self.history_: list[dict[str, float]] = []

    def _trainer(self, epochs: int) -> Trainer:
        settings = shipped(self.hw, self.mode) | dict(self.rule or {})
        for name in ("hw_options", "input_gain"):
            settings.pop(name, None)
        config, _ = resolve(self.mode, settings | {"epochs": epochs, "batch_size": self.batch_size})
        return Trainer(self.model_, config, self.learner_)

    def _epochs(self, n: int) -> int:
        if self.epochs is not None:
            return self.epochs
        return min(MOST, max(LEAST, round(STEPS * self.batch_size / n)))

    def _tensor(self, x: np.ndarray) -> Tensor:
        return torch.tensor(x, device=self.device)

    def _predict(self, X: Any) -> np.ndarray:
        """Outputs of the readout, shape (n, outputs)."""
        return self._read(X, self._model().outputs)

    def _model(self) -> PhysicalModel:
        check_is_fitted(self, "model_")
        return self.model_

    def _read(self, X: Any, measure: Callable[[Tensor, Read], Tensor]) -> np.ndarray:
        """What ``measure`` gives for checked inputs, in portions."""
        x = self._tensor(validate_data(self, X, dtype=np.float32, reset=False))
        parts = [measure(part, Read(self.read)) for part in torch.split(x, AT_ONCE)]
        return np.asarray(torch.cat(parts).cpu().numpy(), dtype=np.float64)

    _numeric = False

    @abstractmethod
    def _encode(self, y: np.ndarray, first: bool) -> Tensor:
        """Labels as the samples take them; notes what predictions need to know when ``first``."""

    @abstractmethod
    def _outputs(self) -> int:
        """Outputs of the readout."""

    @abstractmethod
    def _samples(self, x: Tensor, y: Tensor) -> LabelledSamples:
        """What to learn from."""


class PIBClassifier(ClassifierMixin, PhysicalEstimator):
    """Classes from units that each raise the information between their own outputs and the label.

    The readout sees the outputs of all units and learns by a local delta rule. Nothing is differentiated through
    hardware. Arguments are those of `PhysicalEstimator`.

    Attributes:
        classes_: The labels.
        n_features_in_: Number of features.
        model_: The chip, weights and statistics, a `PhysicalModel`.
        history_: Means of the losses of each epoch.
    """

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> PIBClassifier:
        """One pass over these samples; the first call needs all ``classes`` unless y holds them."""
        if not hasattr(self, "model_"):
            self._given = np.unique(y if classes is None else classes)
        try:
            return self._learn_once(X, y)
        finally:
            self.__dict__.pop("_given", None)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities of the classes, shape (n, classes)."""
        outputs = self._predict(X)
        shares = np.exp(outputs - outputs.max(1, keepdims=True))
        return np.asarray(shares / shares.sum(1, keepdims=True))

    def predict(self, X: Any) -> np.ndarray:
        """Most likely class of each sample, shape (n,)."""
        picked = self._predict(X).argmax(1)
        return np.asarray(self.classes_[picked])

    def _encode(self, y: np.ndarray, first: bool) -> Tensor:
        check_classification_targets(y)
        y = column_or_1d(y, warn=True)
        if first:
            self.classes_ = getattr(self, "_given", np.unique(y))
        if len(self.classes_) < 2:
            raise ValueError(f"a classifier needs samples of 2 classes or more, got one class: {self.classes_[0]}")
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(f"y holds the label {unknown[0]}, which is not among the classes of the first fit; "
                             "name all of them in partial_fit(X, y, classes=...)")
        return torch.as_tensor(np.searchsorted(self.classes_, y))

    def _outputs(self) -> int:
        return len(self.classes_)

    def _samples(self, x: Tensor, y: Tensor) -> LabelledSamples:
        return ClassSamples(self.model_, x, y)


class PIBRegressor(RegressorMixin, PhysicalEstimator):
    """Real values from units that each raise the information between their own outputs and the values.

    Arguments are those of `PhysicalEstimator`.

    Attributes:
        n_features_in_: Number of features.
        model_: The chip, weights and statistics, a `PhysicalModel`.
        history_: Means of the losses of each epoch.
    """

    _numeric = True

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def partial_fit(self, X: Any, y: Any) -> PIBRegressor:
        """One pass over these samples; the first call sets the statistics of inputs and values."""
        return self._learn_once(X, y)

    def predict(self, X: Any) -> np.ndarray:
        """Values, shape (n,) or (n, k) as in `fit`."""
        values: np.ndarray = self._predict(X) * self.spread_ + self.mean_
        return values[:, 0] if self.flat_ else values

    def _encode(self, y: np.ndarray, first: bool) -> Tensor:
        values = np.asarray(y, dtype=np.float64)
        flat = values.ndim == 1
        values = values.reshape(len(values), -1)
        if first:
            self.flat_ = flat
            self.mean_ = values.mean(0)
            spread = values.std(0)
            self.spread_ = np.where(spread > 0, spread, 1.0)
        if values.shape[1] != len(self.mean_):
            raise ValueError(f"y must have {len(self.mean_)} values per sample as in the first fit, got {values.shape[1]}")
        return torch.as_tensor((values - self.mean_) / self.spread_, dtype=torch.float32)

    def _outputs(self) -> int:
        return len(self.mean_)

    def _samples(self, x: Tensor, y: Tensor) -> LabelledSamples:
        return ValueSamples(self.model_, x, y)
