"""What scikit-learn estimators on hardware share: arguments, the chip, training, reading."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import numpy as np
import torch
from sklearn.utils.validation import validate_data
from torch import Tensor

from pib_rl.agents.estimators.arguments import as_samples, check_arguments, precisions
from pib_rl.agents.estimators.fitting import Fit, Watch, pass_time
from pib_rl.agents.estimators.length import LONG, Length, length
from pib_rl.agents.estimators.samples.label_samples import LabelledSamples
from pib_rl.agents.estimators.samples.views import Views, make_views
from pib_rl.agents.estimators.samples.weights import checked_weights, draw
from pib_rl.agents.estimators.settings import ARGUMENTS, find_data_learner, fit_settings, shipped
from pib_rl.agents.estimators.stopping import hold_out
from pib_rl.agents.estimators.trainer import AT_ONCE, FitConfig, Trainer
from pib_rl.agents.estimators.wafer import WaferEstimator
from pib_rl.agents.network.chip import ChipConfig
from pib_rl.agents.network.faults import check
from pib_rl.agents.network.model import CALIBRATION_SAMPLES, PhysicalModel, joined
from pib_rl.agents.ppo_arguments import is_sequence, network_size
from pib_rl.common.options import mapping, shown, whole
from pib_rl.common.streams import LEARNING
from pib_rl.common.threads import few_threads
from pib_rl.common.tree import Flat
from pib_rl.physical.faults import parse_all
from pib_rl.physical.registry import for_each
from pib_rl.physical.substrate import Read

MIDDLE = 0.5  # where draws by weight begin that are no part of learning: for gain controls, and of held-out samples
Self = TypeVar("Self", bound="PhysicalEstimator")


@dataclass(kw_only=True, eq=False, repr=False)
class PhysicalEstimator(WaferEstimator):
    """Units and a readout on hardware, trained by local objectives.

    With ``chips`` there is a wafer: the same network on each of so many chips, all of which learn at once from the same
    batches. Predictions then have a leading axis of chips, `score` is the mean over them, `chip_scores` has one for
    each, and `of_chip` gives one chip as an estimator. Learners that train a wafer are "pib" and "frozen".

    Args:
        hw, hw_options, units, width, patches, image, objective, objective_options, seed, chips: The chip, see
            `ChipConfig`; ``width=[64, 64]`` is two units of width 64. With ``image``, the features are its pixels, row
            by row, and settings for images apply.
        epochs: Passes over the data. None chooses: as many as make 2000 steps, 10 at least and 200 at most. Labels or
            values of a table (no ``image``) of up to 5000 samples need fewer: for n samples the square root of n, 20 at
            least and 40 at most, in batches of 64, and twice as many in batches of 128. Learners in small steps
            ("spsa") may need more than that.
        batch_size: Samples per step, 4 or more. None chooses: for such tables 64, or 128 from 1000 samples on;
            otherwise 256.
        learner: What trains the hidden arrays, a key of `pib_rl.agents.LEARNERS`; "frozen" leaves them as fabricated.
        rule: Settings of `FitConfig` but for epochs and batch_size, and of the learner, by name, where they differ from
            those that are shipped.
        scaling: How inputs are standardised: "feature", each by itself, or "common", all by one mean and standard
            deviation (images).
        views: Learn from views of the samples in their place, new ones each time (augmentation): settings that differ
            from their default, see `ImageOptions` and `VectorOptions`; None for the samples as they are.
        read: How predictions read the hardware: "mean" (repeatable), "noisy" (as it is) or "ideal".
        device: torch device.
        verbose: Show a progress bar, and at the end one line: how many epochs and seconds it took and why it ended.
        warm_start: Let `fit` go on with the chip as it is; settings of the chip and of the network then have no effect.
        early_stopping: Let samples that are held out of `fit` end it. Once their score has not risen for
            ``n_iter_no_change`` epochs, so many epochs more are the last ones, in which the rates fall to 0; nothing
            goes back to an earlier state. Without ``epochs`` up to 200 are planned. Worth it for large tables, where
            nobody knows how long it takes; small ones need all their samples. Under 10 held-out samples nothing is
            held out. All chips of a wafer stop together, by the mean of their scores. Not with ``faults``, and not for
            `partial_fit`.
        validation_fraction: Fraction of the samples that is held out for early stopping, of each label alike.
        n_iter_no_change: Epochs without a gain that early stopping waits for, and epochs of its end.
        faults: What breaks during each `fit`, as "KIND:SIZE@EPOCH", such as "stuck:0.5@3": after so many epochs, 0 for
            before them. See `pib_rl.physical.faults.KINDS`. On a wafer, FIRST..LAST in place of SIZE goes from the size
            on the first chip to that on the last one.
        clock: Simulated seconds that pass for the hardware per training sample; it ages after each epoch, by those of
            the samples that were learned from. ``aged_s_`` counts them.

    Attributes:
        model_: The chip, weights and statistics.
        history_: Means of the losses of each epoch, and of the readout's ``score``; with early stopping the
            ``validation_score`` after it. On a wafer they are means over its chips.
        n_iter_: Epochs of the last `fit`, and of `partial_fit` since.

    `fit` and predictions use one torch thread while work is small (samples at once x width up to 2^17, see
    `pib_rl.common.threads`): more threads would cost CPU time and gain none, and ``n_jobs`` of scikit-learn runs
    side by side without them. Larger work uses as many as `torch.set_num_threads` says. Afterwards everything is as
    before.
    """

    hw: str = "digital"
    units: int = 3
    width: int | Sequence[int] = 128
    objective: str = "ridge"
    epochs: int | None = None
    batch_size: int | None = None
    learner: str = "pib"
    hw_options: dict[str, Any] | None = None
    objective_options: dict[str, Any] | None = None
    rule: dict[str, Any] | None = None
    scaling: str = "feature"
    image: tuple[int, ...] | None = None
    patches: Sequence[tuple[int, int, int]] = ()
    views: dict[str, Any] | None = None
    read: str = "mean"
    seed: int = 0
    device: str = "cpu"
    verbose: bool = False
    warm_start: bool = False
    early_stopping: bool = False
    validation_fraction: float = 0.1
    n_iter_no_change: int = 10
    faults: Sequence[str] = ()
    clock: float = 0.0
    chips: int = 1

    def prepare(self: Self, X: Any, y: Any) -> Self:
        """Checks data and arguments as `fit` does and makes the chip, untrained; ``warm_start`` goes on from there."""
        self._accept(X, y, first=True)
        return self

    def _fit(
        self: Self,
        X: Any,
        y: Any,
        sample_weight: Any,
        watch: Watch | None,
        watch_every: int,
    ) -> Self:
        """Learns for all epochs, or until early stopping; in each, a last batch of less than half the size is left out.

        Args:
            X: Inputs, shape (n, features), n >= 2.
            y: What the readout should give.
            sample_weight: How often each sample counts, shape (n,); None for all alike.
            watch: Called after each epoch with the means of its metrics.
            watch_every: Only after so many epochs, and after the last one, with means over these.

        Raises:
            ValueError: If the data or an argument does not fit; the message says what is expected.
        """
        if watch is not None and not callable(watch):
            raise ValueError(f"watch is a function that is called after each epoch, got {shown(watch)}")
        every = whole("watch_every", watch_every, 1)
        x, target, weight = self._accept(X, y, not (self.warm_start and hasattr(self, "model_")), sample_weight)
        with self._few_threads(min(self._batch(len(x)), len(x))):
            self._learn(x, target, weight, watch, every)
        return self

    def _learn(
        self,
        x: Tensor,
        target: Tensor,
        weight: Tensor | None,
        watch: Watch | None,
        watch_every: int,
    ) -> None:
        """All epochs of a `fit`."""
        samples, held = self._hold_out(x, target, weight)
        self._under_way = Fit(self, self._trainer(self._epochs(len(x), stopping=held is not None), self._batch(len(x))))
        try:
            if (state := self.__dict__.pop("_state", None)) is not None:
                self._under_way.load_state(state)
            self._under_way.run(samples, held, watch, watch_every)
        finally:
            del self._under_way

    def training_state(self) -> Flat:
        """All that the rest of a `fit` depends on, after an epoch: call it in ``watch``, see `go_on_from`."""
        return self._under_way.state()

    def go_on_from(self: Self, state: Flat) -> Self:
        """Has the next `fit`, with the arguments and data of the one of that `training_state`, go on from there.

        It then ends as the other one would have ended, bit for bit.
        """
        self._state = state
        return self

    def planned_epochs(self, samples: int) -> int:
        """Epochs of a `fit` to so many samples, without early stopping."""
        return self._epochs(samples)

    def renew_learner(self) -> None:
        """Starts learning again on the chip as it is now: optimisers of the learner's own, a digital twin of today."""
        _, config, own = self._settings(1)
        self.learner_ = find_data_learner(self.learner)(self._model(), config, own)

    def features(self, X: Any) -> np.ndarray:
        """What the readout sees: outputs of all media but the first, one after the other, shape (*chips, n, taps)."""
        return self._read(X, self._model().taps)

    def samples(self, X: Any, y: Any = None) -> LabelledSamples:
        """Data as the fitted units see them when they learn: their inputs, and the targets that are broadcast."""
        self._model()
        x, target, _ = self._take(X, y, first=False)
        return self._samples(self._tensor(x), target.to(self.device))

    def _learn_once(self: Self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """One pass over these samples at the full rates; the first call makes the chip."""
        if self.early_stopping:
            raise ValueError("partial_fit takes one pass and can't stop early; set early_stopping=False, or call fit")
        x, target, weight = self._accept(X, y, not hasattr(self, "model_"), sample_weight)
        trainer, samples = self._trainer(1, self._batch(len(x))), self._samples(x, target)
        samples.weight = weight
        with self._few_threads(min(trainer.config.batch_size, len(x))):
            self.history_.append(trainer.epoch(samples))
        pass_time(self, trainer.samples_used(len(x)))
        self.n_iter_ += 1
        return self

    def _accept(self, X: Any, y: Any, first: bool, sample_weight: Any = None) -> tuple[Tensor, Tensor, Tensor | None]:
        """Checks data and arguments; makes the model at first. What fails leaves the estimator as it was.

        Returns:
            Inputs, targets, and weights unless all are alike; samples of weight 0 are left out.
        """
        before = dict(self.__dict__)
        try:
            self._check()
            x, target, weights = self._take(X, y, first, sample_weight)
            inputs = torch.tensor(x, device=self.device)
            weight = None if weights is None else torch.tensor(weights, device=self.device)
            if first:
                with few_threads(min(CALIBRATION_SAMPLES, len(inputs)), self._chip.width):
                    self._make(inputs, weight)
            inputs = self.model_.normaliser.narrowed(inputs)
            for fault in parse_all(self.faults, self._epochs(len(x)), "epochs"):
                check(self.model_, fault)
            return inputs, target.to(self.device), weight
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise

    def _take(
        self, X: Any, y: Any, first: bool, sample_weight: Any = None
    ) -> tuple[np.ndarray, Tensor, np.ndarray | None]:
        """Checked inputs, encoded labels, and weights unless all are alike; samples of weight 0 are left out."""
        x, y = validate_data(
            self,
            X,
            y,
            dtype=precisions(X),
            reset=first,
            ensure_min_samples=2,
            multi_output=True,
            y_numeric=self._numeric,
        )
        x, weight = as_samples(x), checked_weights(sample_weight, x)
        self._check_image(x)
        if weight is None:
            return x, self._encode(y, first), None
        x, y, weight = x[weight > 0], y[weight > 0], weight[weight > 0]
        if len(x) < 2:
            raise ValueError(f"sample_weight must be above 0 for 2 samples or more, got {len(x)} of them")
        if (weight == weight[0]).all():
            return x, self._encode(y, first), None
        return x, self._encode(y, first, weight), weight

    def _check_image(self, x: np.ndarray) -> None:
        """Raises ValueError unless the inputs, shape (n, features), are such images as they are said to be."""
        image = self._chip.image
        if image is not None and image.features != x.shape[1]:
            raise ValueError(f"an image of {self.image} has {image.features} features, but X has {x.shape[1]}")

    def _check(self) -> None:
        """Raises ValueError if an argument has the wrong type, or a value that nothing else checks."""
        check_arguments(self, patches=bool(self._chip.patches))
        self._views()

    @property
    def _chip(self) -> ChipConfig:
        """The chip that the arguments ask for, without settings that are shipped for it."""
        given = {option.name: getattr(self, option.name) for option in fields(ChipConfig)}
        return ChipConfig(**given | (network_size(self.width, "width") if is_sequence(self.width) else {}))

    def _make(self, x: Tensor, weight: Tensor | None) -> None:
        """The chip with the statistics of these inputs, and nothing learned yet."""
        self._fabricate(x.shape[1])
        with self._few_threads(min(CALIBRATION_SAMPLES, len(x))):
            self.model_.fit_statistics(x, weight, None if weight is None else x[draw(weight, MIDDLE)])
        self.history_: list[dict[str, float]] = []
        self.aged_s_ = 0.0
        self.n_iter_ = 0

    def _fabricate(self, features: int) -> None:
        outputs, kind = self._outputs(), find_data_learner(self.learner)
        chip, config, own = self._settings(1 if self.epochs is None else int(self.epochs))
        self.model_ = PhysicalModel(
            chip,
            features,
            outputs,
            target_features=outputs,
            target_inputs=outputs if kind.target_inputs else 0,
            common=self.scaling == "common",
        ).to(self.device)
        self.learner_ = kind(self.model_, config, own)

    def _settings(self, epochs: int, batch: int = LONG.batch) -> tuple[ChipConfig, FitConfig, Any]:
        """The chip, the settings of the fit, and those of the learner's own, with what is shipped for them."""
        chip, rule = self._chip, mapping("rule", self.rule)
        settings = shipped(chip.hw, self.learner, chip.image is not None, self._labels, bool(chip.patches))
        objective_options = settings.pop("objective_options", {}).get(chip.objective, {})
        chip = replace(
            chip,
            hw_options=for_each(chip.hw, settings.pop("hw_options", {})) | chip.hw_options,
            objective_options=objective_options | chip.objective_options,
        )
        for name in sorted(ARGUMENTS & rule.keys()):
            raise ValueError(f"{name} is an argument of its own, not one of the rule")
        own = fit_settings(self.learner, settings | rule | {"epochs": epochs, "batch_size": batch})
        return chip, *own

    def _trainer(self, epochs: int, batch: int = LONG.batch) -> Trainer:
        _, config, own = self._settings(epochs, batch)
        kind = find_data_learner(self.learner)
        if kind.target_inputs != bool(self.model_.target_inputs):
            raise ValueError(
                f"learner {self.learner!r} needs another chip, one with inputs for labels or without; fit anew, "
                "without warm_start"
            )
        if not isinstance(self.learner_, kind) or self.learner_.options != own:
            self.learner_ = kind(self.model_, config, own)
        self.learner_.config = config
        return Trainer(self.model_, config, self.learner_)

    def _length(self, n: int, stopping: bool = False) -> Length:
        """How long a fit to ``n`` samples is where no argument says."""
        return length(n, small=self._labels and self._chip.image is None, stopping=stopping)

    def _batch(self, n: int) -> int:
        return self._length(n).batch if self.batch_size is None else int(self.batch_size)

    def _epochs(self, n: int, stopping: bool = False) -> int:
        return self._length(n, stopping).epochs(n, self._batch(n)) if self.epochs is None else int(self.epochs)

    def _hold_out(
        self, x: Tensor, target: Tensor, weight: Tensor | None
    ) -> tuple[LabelledSamples, LabelledSamples | None]:
        """Samples to learn from, and those that say when to stop; none without early stopping, or of few samples."""
        everything = self._samples(x, target)
        everything.weight = weight
        if not self.early_stopping:
            return everything, None
        streams = self.model_.streams
        with streams.aside("held out", anew=True):  # a warm start holds out the same ones
            labels = target if self._classes else None
            rest, held = hold_out(len(x), float(self.validation_fraction), streams.generator(LEARNING), labels)
        if not len(held):
            return everything, None
        rest, held = rest.to(self.device), held.to(self.device)
        samples = self._samples(x[rest], target[rest] if len(target) else target)
        if weight is not None:
            samples.weight = weight[rest]
            held = held[draw(weight[held], MIDDLE)]
        return samples, self._held_samples(x[held], target[held] if len(target) else target)

    def _few_threads(self, samples: int) -> AbstractContextManager[None]:
        """Keeps torch from using threads that do not help with so many samples at once."""
        network, samples = self.model_.network, samples * self.model_.chip.chips
        return few_threads(samples, max(network.last.out_features, *(unit.out_features for unit in network.chain)))

    def _tensor(self, x: np.ndarray) -> Tensor:
        """Inputs as the fitted chip needs them."""
        return self._model().normaliser.narrowed(torch.tensor(x, device=self.device))

    def _predict(self, X: Any) -> np.ndarray:
        """Outputs of the readout, shape (*chips, n, outputs)."""
        return self._read(X, self._model().outputs)

    def _read(self, X: Any, measure: Callable[[Tensor, Read], Tensor]) -> np.ndarray:
        """What ``measure`` gives for checked inputs, in portions."""
        self._check()
        checked = validate_data(self, X, dtype=precisions(X), reset=False)
        x = self._tensor(as_samples(checked))
        with self._few_threads(min(AT_ONCE, len(x))):
            at_once = AT_ONCE * (1 + self._model().network.lookahead)  # portions of it are under way together
            parts = [measure(part, Read(self.read)) for part in torch.split(x, at_once)]
        return np.asarray(joined(parts).cpu().numpy(), dtype=np.float64)

    _labels, _numeric = True, False  # whether it learns from labels, and whether those are numbers
    _classes = False  # whether the labels are classes

    def _encode(self, y: np.ndarray, first: bool, weight: np.ndarray | None = None) -> Tensor:
        """Labels as the samples take them; notes what predictions need to know when ``first``.

        With ``weight``, shape (n,), samples count that often in means.
        """
        raise NotImplementedError

    def _views(self) -> Views | None:
        return None if self.views is None else make_views(self._chip.image, mapping("views", self.views))

    @abstractmethod
    def _outputs(self) -> int:
        """Outputs of the readout."""

    @abstractmethod
    def _samples(self, x: Tensor, y: Tensor) -> LabelledSamples:
        """What to learn from."""

    def _held_samples(self, x: Tensor, y: Tensor) -> LabelledSamples:
        """What says when to stop: samples as predictions see them."""
        return self._samples(x, y)
