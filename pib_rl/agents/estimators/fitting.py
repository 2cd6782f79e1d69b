"""One fit of an estimator: what happens between its epochs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from pib_rl.agents.estimators.progress import FitProgress
from pib_rl.agents.estimators.samples.label_samples import LabelledSamples
from pib_rl.agents.estimators.trainer import Trainer
from pib_rl.agents.network.faults import age, inject
from pib_rl.agents.network.last_good import DivergedError
from pib_rl.agents.network.model import PhysicalModel
from pib_rl.agents.resuming.estimator import load_model_state, model_state
from pib_rl.common.tree import Flat, flatten_state, join_state
from pib_rl.physical.faults import parse_all

Watch = Callable[[dict[str, float]], None]


class Fitted(Protocol):
    """What a fit needs of an estimator, and keeps up to date. See `PhysicalEstimator` for each."""

    model_: PhysicalModel
    history_: list[dict[str, float]]
    n_iter_: int
    aged_s_: float
    faults: Sequence[str]
    clock: float
    n_iter_no_change: int
    verbose: bool


class Fit:
    """One `fit` under way: faults that break in, time that passes, what is noted and who watches.

    Args:
        estimator: Whose chip learns.
        trainer: Trains it, for as many epochs as its configuration says.

    Raises:
        ValueError: If a fault is none, or comes after the last epoch.
    """

    def __init__(self, estimator: Fitted, trainer: Trainer) -> None:
        self.estimator, self.trainer = estimator, trainer
        self.pace = trainer.pace(estimator.n_iter_no_change)
        self.ahead = parse_all(estimator.faults, self.pace.schedule.epochs, "epochs")
        self.changes = bool(self.ahead or estimator.clock)  # whether the hardware changes between epochs
        estimator.n_iter_ = 0

    def state(self) -> Flat:
        """All that the rest of the fit depends on, after an epoch."""
        estimator = self.estimator
        return flatten_state(
            {
                **model_state(estimator.model_, self.trainer.learner),
                "pace": self.pace.state(),
                "history": [dict(log) for log in estimator.history_],
                "aged_s": estimator.aged_s_,
            }
        )

    def load_state(self, state: Flat) -> None:
        """Goes on from the `state` of a fit with the same arguments; ValueError if it does not fit."""
        found, estimator = join_state(state), self.estimator
        try:
            load_model_state(estimator.model_, self.trainer.learner, found)
            self.pace.load_state(found["pace"])
            estimator.history_[:], estimator.aged_s_ = found["history"], found["aged_s"]
        except (RuntimeError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f"the state does not fit this estimator, make it with the same arguments: {error}"
            ) from None
        estimator.n_iter_ = self.pace.epoch
        # Faults of its last epoch come after the state.
        self.ahead = [fault for fault in self.ahead if fault.step >= self.pace.epoch]

    def run(
        self, samples: LabelledSamples, held: LabelledSamples | None, watch: Watch | None, watch_every: int
    ) -> None:
        """All epochs that are left, or fewer where ``held`` samples say that more bring nothing.

        ``watch`` gets the means of the metrics of ``watch_every`` epochs, as in `PhysicalEstimator.fit`.
        """
        estimator, pace, patience = self.estimator, self.pace, self.estimator.n_iter_no_change
        every = 1 if self.changes else watch_every  # also after the last fault: whoever resumes there does the same
        unseen: list[dict[str, float]] = []
        with FitProgress(pace.schedule.epochs, estimator.verbose, pace.epoch) as progress:

            def note(epoch: int, log: dict[str, float]) -> None:
                estimator.history_.append(log)
                estimator.n_iter_ = epoch
                pass_time(estimator, self.trainer.samples_used(len(samples)))
                unseen.append(log)
                if watch is not None and (epoch % watch_every == 0 or epoch == pace.schedule.epochs):
                    watch(_means(unseen))
                    unseen.clear()
                self._break_at(epoch)
                progress.note(log)

            self._break_at(pace.epoch)
            try:
                stopped = self.trainer.fit(samples, note, held, patience, pace, every)
            except DivergedError:  # which takes what learned back to where the pace is
                del estimator.history_[len(estimator.history_) - (estimator.n_iter_ - pace.epoch) :]
                estimator.n_iter_ = pace.epoch
                raise
            progress.end(stopped, patience)

    def _break_at(self, epoch: int) -> None:
        """Injects the faults that are due after so many epochs."""
        while self.ahead and self.ahead[0].step <= epoch:
            inject(self.estimator.model_, self.ahead.pop(0))


def pass_time(estimator: Fitted, samples: int) -> None:
    """Ages the hardware by the time that so many samples took, ``clock`` seconds each."""
    seconds = float(estimator.clock) * samples
    if seconds:
        age(estimator.model_, seconds)
        estimator.aged_s_ += seconds


def _means(logs: list[dict[str, float]]) -> dict[str, float]:
    """Means of the metrics of some epochs; of those that not all have, of the epochs that have them."""
    names = dict.fromkeys(name for log in logs for name in log)
    return {name: float(np.mean([log[name] for log in logs if name in log])) for name in names}
