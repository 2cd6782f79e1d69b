"""Learning from data, labelled or not: every batch is measured once, and units and readout learn from that."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from pib_rl.agents.estimators.samples.label_samples import LabelledSamples
from pib_rl.agents.estimators.samples.weights import draw
from pib_rl.agents.estimators.stopping import Pace, Patience, Schedule
from pib_rl.agents.learners.base import Learner
from pib_rl.agents.learners.config import HiddenConfig
from pib_rl.agents.learners.samples import Batch
from pib_rl.agents.network.last_good import DivergedError, last_good
from pib_rl.agents.network.model import PhysicalModel
from pib_rl.agents.network.readout import with_one
from pib_rl.common.streams import LEARNING

AT_ONCE = 1024  # samples that are measured together outside of learning
VALIDATION = "validation_score"  # of each epoch, among its metrics


@dataclass(frozen=True)
class FitConfig(HiddenConfig):
    """Settings of learning from data, and of hidden arrays.

    Args:
        epochs: Passes over the data.
        batch_size: Samples per step, 4 or more.
        learning_rate: Rate of the readout at the start, in units of 1/(number of its inputs).
        decay: It falls as (1 - progress)^decay.

    Raises:
        ValueError: If a value lies outside its range.
    """

    hidden_rate: float = 1e-2
    hidden_decay: float = 1.0
    track: float = 0.05
    epochs: int = 10
    batch_size: int = 128
    learning_rate: float = 1.0
    decay: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_numbers("epochs", least=1)
        self.check_numbers("batch_size", least=4)
        self.check_numbers("learning_rate", "decay")


class Step(NamedTuple):
    """A batch that the units learned from, and the readout not yet.

    Args:
        batch: Its samples, measured.
        pick: Their indices.
        progress: Fraction of the training done.
        log: Metrics of the units.
        metrics: Gives further ones of the whole epoch; None before its last step.
    """

    batch: Batch
    pick: Tensor
    progress: float
    log: dict[str, Tensor]
    metrics: Callable[[], dict[str, Tensor]] | None = None


@dataclass
class Trainer:
    """Trains a model on samples that know what the readout should give.

    Args:
        model: Network and readout.
        config: Settings.
        learner: What trains the hidden arrays.
    """

    model: PhysicalModel
    config: FitConfig
    learner: Learner

    def fit(
        self,
        samples: LabelledSamples,
        watch: Callable[[int, dict[str, float]], None] = lambda *_: None,
        held: LabelledSamples | None = None,
        patience: int = 10,
        pace: Pace | None = None,
        every: int = 1,
    ) -> bool:
        """All epochs, or fewer where held-out samples say that more bring nothing.

        Once their score has not risen for ``patience`` epochs, so many epochs more are the last ones, in which the
        rates fall to 0. What is written into hardware can't be taken back, so no earlier state is restored.

        Args:
            samples: What to learn from.
            watch: Gets the number of each epoch, from 1, and the means of its metrics, on a wafer over all chips.
            held: Samples that are held out; None for all epochs.
            patience: Epochs without a gain that are enough, and epochs of the end.
            pace: Where the fit is, kept up to date; None to begin. After a `DivergedError` it is at the epoch to which
                what learned is taken back.
            every: After multiples of so many epochs, and the last, ``watch`` finds model and learner as they are then.
                After the others the next epoch may have begun: units that are far away do not wait for its end. With
                held-out samples it is 1.

        Returns:
            Whether it stopped early.
        """
        pace = self.pace(patience) if pace is None else pace
        schedule = pace.schedule

        def note(log: dict[str, float]) -> None:
            pace.epoch += 1
            if held is not None:
                log[VALIDATION] = self.validate(held)
                if not pace.stopping and pace.waiting.is_over(log[VALIDATION]):
                    pace.stopping = schedule.shorten(pace.epoch, patience)
            watch(pace.epoch, log)

        while (first := pace.epoch) < schedule.epochs:
            end = first + 1 if held is not None else min(first + every - first % every, schedule.epochs)
            spans = [(schedule.progress(epoch), schedule.progress(epoch + 1)) for epoch in range(first, end)]
            try:
                last = self.stretch(samples, spans, note)
            except DivergedError:
                pace.epoch = first
                raise
            note(last)
        return pace.stopping

    def pace(self, patience: int) -> Pace:
        """Where a fit begins."""
        return Pace(Schedule(self.config.epochs), Patience(patience))

    @torch.inference_mode()
    def validate(self, held: LabelledSamples) -> float:
        """Score of held-out samples on the hardware as it is; the same draws every time, aside from those of learning.

        Mean over portions of `AT_ONCE` samples, and over the chips of a wafer.
        """
        total = 0.0
        with self.model.streams.aside("validation", anew=True):
            for pick in torch.split(torch.arange(len(held), device=self.model.device), AT_ONCE):
                total += len(pick) * float(held.score(pick, self.model.measure(held.inputs(pick))).mean())
        return total / len(held)

    @torch.inference_mode()
    def epoch(self, samples: LabelledSamples, start: float = 0.0, end: float = 0.0) -> dict[str, float]:
        """One pass over the samples in random order, progress going from ``start`` to ``end``; means of the metrics.

        Raises:
            DivergedError: If numbers are not finite any more; everything that learned is as before the pass then.
        """
        return self.stretch(samples, [(start, end)])

    @torch.inference_mode()
    def stretch(
        self,
        samples: LabelledSamples,
        spans: Sequence[tuple[float, float]],
        note: Callable[[dict[str, float]], None] = lambda log: None,
    ) -> dict[str, float]:
        """Passes over the samples that do not wait for each other's end, as `epoch`.

        Args:
            samples: What to learn from.
            spans: Progress at the start and at the end of each pass.
            note: Gets the means of the metrics of each pass but the last, when its last step is done.

        Returns:
            Those of the last one.

        Raises:
            DivergedError: If numbers are not finite any more; everything that learned is as before all passes then.
        """
        with last_good("the training", self.model, self.learner.memory):
            return self._passes(samples, spans, note)[-1]

    def _passes(
        self,
        samples: LabelledSamples,
        spans: Sequence[tuple[float, float]],
        note: Callable[[dict[str, float]], None],
    ) -> list[dict[str, float]]:
        under_way: deque[Step] = deque()
        logs: list[dict[str, Tensor]] = []
        ended: list[dict[str, float]] = []

        def catch_up(most: int) -> None:
            """The readout learns, until no more than so many steps of the units are ahead of it."""
            while len(under_way) > most:
                step = under_way.popleft()
                logs.append(self.teach_readout(samples, step))
                if step.metrics is not None:
                    ended.append(_means(logs, step.metrics()))
                    logs.clear()
                    if len(ended) < len(spans):
                        note(ended[-1])

        for start, end in spans:
            picks = self._batches(len(samples), samples.weight)
            for index, pick in enumerate(picks, 1):
                step = self.teach_units(samples, pick, start + (end - start) * (index - 1) / len(picks))
                under_way.append(step if index < len(picks) else step._replace(metrics=self.learner.metrics()))
                catch_up(self.model.network.lookahead)
        catch_up(0)
        return ended

    def _batches(self, n: int, weight: Tensor | None = None) -> list[Tensor]:
        """Indices of all samples in random order, in batches; a last one of less than half the size is left out.

        With weights, shape (n,), samples are drawn as often as they count.
        """
        device = self.model.device
        generator = self.model.streams.generator(LEARNING, device)
        order = torch.randperm(n, generator=generator, device=device)
        if weight is not None:
            start = torch.rand((), generator=generator, device=device, dtype=torch.float64)
            order = draw(weight, float(start))[order]
        return list(torch.split(order[: self.samples_used(n)], self.config.batch_size))

    def samples_used(self, n: int) -> int:
        """How many of ``n`` samples an epoch learns from."""
        rest = n % self.config.batch_size
        return n - rest if n > self.config.batch_size and 2 * rest < self.config.batch_size else n

    def teach_units(self, samples: LabelledSamples, pick: Tensor, progress: float) -> Step:
        """One step of the units on a batch."""
        batch = Batch(samples, pick, self.model.network)
        log = self.learner.update(batch, progress) if self.learner.updates else {}
        self.learner.remember(batch)
        return Step(batch, pick, progress, log)

    def teach_readout(self, samples: LabelledSamples, step: Step) -> dict[str, Tensor]:
        """One step of the readout on the batch of a ``step`` of the units; metrics of both."""
        model, config, learner = self.model, self.config, self.learner
        batch, pick, progress, log, _ = step
        inputs = with_one(batch.measure().taps)
        outputs = model.readout.measure_inputs(inputs)
        gradient = samples.gradient(pick, outputs)
        if learner.uses_readout_batches:
            learner.on_readout_batch(batch.measure(), gradient, progress)
        rate = config.learning_rate * (1 - progress) ** config.decay
        learner.on_readout_step(model.readout.step(inputs, gradient, rate))
        return log | {"loss": batch.loss(outputs), "score": samples.score(pick, outputs)}


def _means(logs: list[dict[str, Tensor]], further: dict[str, Tensor]) -> dict[str, float]:
    """Means of the metrics of all steps of a pass, and ``further`` ones; DivergedError if one is not finite."""
    names = dict.fromkeys(name for log in logs for name in log)  # at the end, units stand still
    found = {name: torch.stack([log[name] for log in logs if name in log]) for name in names}
    means = {name: float(values.mean()) for name, values in (found | further).items()}
    if not all(map(math.isfinite, means.values())):
        raise DivergedError(
            f"the training{_diverged(found.values())} diverged: losses are no finite numbers any more; lower "
            "hidden_rate or learning_rate"
        )
    return means


def _diverged(metrics: Iterable[Tensor]) -> str:
    """Which chips of a wafer are lost, for a message: one of their metrics, shape (steps, *chips), is not finite."""
    lost = sum((~values.isfinite()).sum(0) for values in metrics)
    if not isinstance(lost, Tensor) or not lost.ndim:
        return ""
    first, *more = lost.nonzero()[:, 0].tolist()
    return f" of chip {first}" + (f" and {len(more)} more" if more else "")
