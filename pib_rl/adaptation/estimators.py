"""A run of `learn` whose chip breaks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pib_rl.adaptation.config import AdaptConfig
from pib_rl.adaptation.recovery import COUNTED, QUARTER, Chip, Point, RecoveryCurve, RecoveryRun
from pib_rl.agents.estimators.base import PhysicalEstimator
from pib_rl.agents.learners.config import HiddenConfig
from pib_rl.agents.learners.registry import find_learner
from pib_rl.agents.network.model import CALIBRATION_SAMPLES
from pib_rl.agents.resuming.checkpoints import remove_checkpoints
from pib_rl.cli.cli import UserError, mistakes
from pib_rl.cli.process import check_device
from pib_rl.cli.settings_files import from_plain
from pib_rl.common.streams import EVALUATION
from pib_rl.figures import curves
from pib_rl.learning.config import LearnConfig
from pib_rl.learning.data import load
from pib_rl.learning.run import EPOCH, TARGETS, LearningRun, fit, kept
from pib_rl.learning.task import LearningTask
from pib_rl.runs.folder import CONFIG, LAST, RunFolder, load_into
from pib_rl.runs.result import RunResult


class EstimatorRecovery(RecoveryRun):
    """A run of ``learn``. Performance is the score of its estimator on noisy hardware: accuracy, or R2.

    It is measured on test samples before the fault, after it, and at the end (`tested`), and on the way on validation
    samples, those that the run held out (`watched`). First of all the broken chip is recalibrated, without labels:
    detectors of media, then gain controls. The rates start again and fall over the adaptation; optimisers of the chip
    go on.

    Attributes:
        task_kind: What such a run learns.
        named: What `tested` gives, as a name in a learner's result.json.
        column: What `watched` gives, as a column of a learner's progress.csv.
    """

    unit, percent = "epochs", True

    def __init__(self, config: AdaptConfig, run: RunFolder, settings: dict[str, Any]) -> None:
        task = from_plain(LearnConfig, settings, run.path / CONFIG)
        if config.timesteps is not None:
            raise UserError(f"{run.path} is a run of learn: give --epochs in the place of --timesteps")
        super().__init__(config, run, task)
        self.task_kind = TARGETS[task.target]
        self.named, self.column, self.scored = self.task_kind.shown[0], self.task_kind.validated, self.task_kind.scored
        trained = run.result("epochs").epochs
        self.length = config.epochs or max(1, int(trained or 0) // QUARTER)
        self.task = replace(
            task,
            chips=1,
            seed=task.seed + self.chip,
            data=config.data or task.data,
            epochs=self.length,
            fault=(),
            device=config.device,
            progress=config.progress,
            checkpoint_every=config.checkpoint_every,
        )
        self.data = load(self.task.data, self.task.real, self.task.header)
        self.model: PhysicalEstimator | None = None
        with mistakes():
            check_device(config.device)
            self.fitted, self.held = self.task_kind(task).hold_out(self.data)  # as the run did, by its own seed

    def tested(self, model: Any) -> float:
        """Performance on test samples."""
        return float(model.score(self.data.x_test, self.data.y_test))

    def watched(self, model: Any) -> float:
        """Performance on validation samples."""
        return float(model.score(self.held.x, self.held.y))

    def tested_with_old_probe(self, model: Any) -> float | None:
        """`tested` by what somebody fit to the features before the fault; None where nobody fits anything to them."""
        return None

    def seen(self, model: PhysicalEstimator, task: LearningTask) -> dict[str, float]:
        """What is seen of the network after an epoch, by column; `column` among it."""
        return task.evaluate_heldout(model, self.held)

    @property
    def origin(self) -> dict[str, Any]:
        return {"data": self.task.data, "hw": self.task.hw, "learner": self.own, "seed": self.task.seed}

    def load(self) -> Chip:
        with mistakes(RuntimeError, MemoryError, OverflowError, TypeError):
            for name in self.learners[1:]:
                self._load(name)
            self.model = self._load(self.own)
        return self.model.model_

    def apply_faults(self, chip: Chip) -> None:
        super().apply_faults(chip)
        with aside(self.loaded):
            self.after_old_probe = self.tested_with_old_probe(self.loaded)

    def evaluate(self) -> float:
        with aside(self.loaded):
            return self.tested(self.loaded)

    def evaluate_heldout(self) -> float:
        with aside(self.loaded):
            return self.watched(self.loaded)

    @property
    def loaded(self) -> PhysicalEstimator:
        """The estimator with the loaded chip."""
        assert self.model is not None
        return self.model

    def plan(self, name: str) -> LearnConfig:
        """The training of one learner: the run's settings, with those that the learner has for itself."""
        if name == self.own:
            return self.task
        apart = {field.name for kind in (HiddenConfig, find_learner(self.own).Options) for field in fields(kind)}
        rule = {key: value for key, value in self.task.rule.items() if key not in apart}
        rule |= {"twin_drift": 0.0} if self.twin_is_old(name) else {}
        return replace(self.task, learner=name, rule=rule)

    def _load(self, name: str) -> PhysicalEstimator:
        """An estimator with the chip as the run left it, which draws anew."""
        task = self.task_kind(self.plan(name))
        model = task.build(self.data.image).prepare(self.fitted.x, **task.broadcast(self.fitted))
        load_into(model.model_, self.healthy_state(model.model_), self.run.path / LAST)
        model.model_.streams.restart(self.draws)
        return model

    def learn_on(self, name: str, path: Path) -> RecoveryCurve:
        plan, folder = self.begin(self.plan(name), path)
        if not folder.finished:
            self._learn(self.task_kind(plan), self._recalibrated(name), folder)
        result = folder.result(self.named, *COUNTED)
        progress = curves.read_progress(folder.path / "progress.csv")
        looks = zip(map(int, progress[EPOCH]), progress[self.column].tolist(), strict=True)
        curve: list[Point] = [(0, self.held_after), *looks]
        counts = {name: getattr(result, name) for name in COUNTED}
        return RecoveryCurve(getattr(result, self.named), curve, counts, result.final_old_probe)

    def _learn(self, task: LearningTask, model: PhysicalEstimator, folder: RunFolder) -> None:
        """All epochs of one learner, and what it reached, in its run folder."""
        run = LearningRun(task, self.data, model, self.fitted, self.held)
        rows, wall = fit(run, folder, lambda: self.seen(model, task))
        counts = {name: model.model_.meter.totals()[name] for name in ("measurements", "writes")}
        with kept(folder), aside(model):
            reached = {self.named: self.tested(model), "final_old_probe": self.tested_with_old_probe(model)}
        numbers: dict[str, Any] = {task.validated: rows[-1][task.validated], **reached, **counts}
        kind, wall = task.config.target, round(wall, 3)
        folder.save_result(
            RunResult(kind=kind, learner=task.config.learner, epochs=model.n_iter_, wall_s=wall, **numbers)
        )
        remove_checkpoints(folder.path)

    def _recalibrated(self, name: str) -> PhysicalEstimator:
        """A learner with the broken chip, recalibrated; an old digital twin is made before the fault."""
        model = self._load(name)
        if self.twin_is_old(name):
            model.renew_learner()
        model.model_.load_state_dict(self.broken)
        with torch.inference_mode():
            model.model_.network.recalibrate(model.model_.inputs(self._some(model)))
        if not self.twin_is_old(name):
            model.renew_learner()
        return model

    def _some(self, model: PhysicalEstimator) -> Tensor:
        """Training samples to recalibrate with, no labels."""
        return torch.as_tensor(self.fitted.x[:CALIBRATION_SAMPLES], dtype=torch.float32, device=model.model_.device)


@contextlib.contextmanager
def aside(model: PhysicalEstimator) -> Iterator[None]:
    """Inside, what is measured is not counted, and noise comes from streams of its own."""
    with model.model_.streams.aside(EVALUATION), model.model_.meter.paused():
        yield
