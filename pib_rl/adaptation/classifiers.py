"""A classifier trained from labels whose chip breaks."""

from __future__ import annotations

import time
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pib_rl.adaptation.config import AdaptConfig
from pib_rl.adaptation.patient import QUARTER, Chip, Course, Patient, Point
from pib_rl.agents.estimators import PIBClassifier
from pib_rl.agents.hidden_config import HiddenConfig
from pib_rl.agents.model import CALIBRATION_SAMPLES
from pib_rl.agents.rivals import find_mode
from pib_rl.cli import UserError, mistakes
from pib_rl.config import as_pairs
from pib_rl.learn import draw, keep, kept
from pib_rl.learning.config import LearnConfig, from_plain
from pib_rl.learning.data import load
from pib_rl.learning.supervised import Supervised
from pib_rl.process import check_device
from pib_rl.runs import CONFIG, LAST, RunFolder, load_into


class PatientClassifier(Patient):
    """A run of ``learn`` with labels. Performance is the accuracy on noisy hardware.

    Test samples are looked at before the fault, after it, and at the end; on the way, validation samples are: those
    that the run held out. First of all the broken chip is recalibrated, without labels: detectors of media, then gain
    controls. The rates start again and fall over the adaptation; optimisers of the chip go on.
    """

    unit, scored, percent = "epochs", "accuracy", True

    def __init__(self, config: AdaptConfig, run: RunFolder, settings: dict[str, Any]) -> None:
        task = from_plain(settings, run.path / CONFIG)
        if task.mode != "supervised":
            raise UserError(f"{run.path} learned without labels; give a run of train, or of learn with labels")
        if config.timesteps is not None:
            raise UserError(f"{run.path} is a run of learn: give --epochs in the place of --timesteps")
        super().__init__(config, run, task.learner)
        known = run.whole_result((), ("epochs",))
        self.length = config.epochs or max(1, known["epochs"] // QUARTER)
        self.task = replace(task, data=config.data or task.data, epochs=self.length, fault=(), device=config.device,
                            progress=config.progress)
        self.data = load(self.task.data)
        self.model: PIBClassifier | None = None
        with mistakes():
            check_device(config.device)
            self.fitted, self.held = Supervised(self.task).hold_out(self.data)

    @property
    def identity(self) -> dict[str, Any]:
        return {"data": self.task.data, "hw": self.task.hw, "mode": self.own, "seed": self.task.seed}

    def admit(self) -> Chip:
        with mistakes(RuntimeError, MemoryError, OverflowError, TypeError):
            for name in self.contenders[1:]:
                self._load(name, self.healthy)
            self.model = self._load(self.own, self.healthy)
        return self.model.model_

    def judge(self) -> float:
        assert self.model is not None
        return self._accuracy(self.model, self.data.x_test, self.data.y_test)

    def look(self) -> float:
        assert self.model is not None
        return self._accuracy(self.model, self.held.x, self.held.y)

    @staticmethod
    def _accuracy(model: PIBClassifier, x: Any, y: Any) -> float:
        """Not counted, drawn aside."""
        with model.model_.streams.aside("evaluation"), model.model_.meter.paused():
            return float(model.score(x, y))

    def plan(self, name: str) -> LearnConfig:
        """The training of one contender: the run's own settings, and of a rival those of its mode."""
        if name == self.own:
            return self.task
        apart = {field.name for kind in (HiddenConfig, find_mode(self.own).Options) for field in fields(kind)}
        rule = {key: value for key, value in self.task.substance()["rule"].items() if key not in apart}
        rule |= {"twin_drift": 0.0} if self.twin_is_old(name) else {}
        return replace(self.task, rival=name, rule=as_pairs(rule))

    def _load(self, name: str, state: dict[str, Any]) -> PIBClassifier:
        """A classifier with a chip in that state, which draws anew."""
        model = Supervised(self.plan(name)).build(self.data.image).prepare(self.fitted.x, self.fitted.y)
        assert isinstance(model, PIBClassifier)
        load_into(model.model_, state, self.run.path / LAST)
        model.model_.streams.restart(self.draws)
        return model

    def learn_on(self, name: str, path: Path) -> Course:
        lesson, model = Supervised(self.plan(name)), self._load(name, self.healthy)
        if self.twin_is_old(name):
            model.renew_learner()
        model.model_.load_state_dict(self.broken)
        with torch.inference_mode():
            model.model_.network.recalibrate(model.model_.inputs(self._some(model)))
        if not self.twin_is_old(name):
            model.renew_learner()
        folder = RunFolder.create(replace(lesson.config, out=path))
        rows: list[dict[str, float]] = []

        def watch(log: dict[str, float]) -> None:
            rows.append({"epoch": len(rows) + 1, **log, **lesson.look(model, self.held)})

        start = time.perf_counter()
        with mistakes(RuntimeError, MemoryError), kept(folder, model, rows):
            model.fit(self.fitted.x, self.fitted.y, watch)
        counts = {**model.model_.meter.totals(), "wall_s": round(time.perf_counter() - start, 3)}
        keep(folder, model, rows)
        draw(lesson, rows, folder)
        final = self._accuracy(model, self.data.x_test, self.data.y_test)
        folder.save_result({"test_accuracy": final, lesson.validated: rows[-1][lesson.validated], **counts})
        return Course(final, [(0, self.held_after), *self._curve(rows, lesson.validated)], counts)

    def _some(self, model: PIBClassifier) -> Tensor:
        """Training samples to recalibrate with, no labels."""
        return torch.as_tensor(self.fitted.x[:CALIBRATION_SAMPLES], dtype=torch.float32, device=model.model_.device)

    @staticmethod
    def _curve(rows: list[dict[str, float]], validated: str) -> list[Point]:
        return [(row["epoch"], row[validated]) for row in rows]
