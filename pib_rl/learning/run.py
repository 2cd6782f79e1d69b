"""Runs of `python -m pib_rl.learn`: training on data, final evaluation, figures."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from pib_rl.agents.estimators.base import PhysicalEstimator
from pib_rl.agents.network.costs import costs
from pib_rl.agents.resuming.checkpoints import remove_checkpoints
from pib_rl.cli.cli import UserError, mistakes
from pib_rl.cli.process import check_device
from pib_rl.common.tree import flatten_state, join_state
from pib_rl.figures import curves
from pib_rl.learning.config import LearnConfig
from pib_rl.learning.data import Data, load
from pib_rl.learning.labels import LabelsTask
from pib_rl.learning.room import check_room
from pib_rl.learning.suited import suited
from pib_rl.learning.task import FinalScores, LearningTask, Split
from pib_rl.learning.values import ValuesTask
from pib_rl.learning.views import ViewsTask
from pib_rl.learning.wafer import LearningWafer
from pib_rl.physical.faults import Fault, parse_all
from pib_rl.physical.substrate import Read
from pib_rl.runs.folder import RunFolder
from pib_rl.runs.result import RunResult
from pib_rl.runs.resuming import Every
from pib_rl.runs.saving import Saver, find_start
from pib_rl.runs.stops import stopped_by
from pib_rl.runs.tensorboard import make_logger, saved_pictures, weight_pictures, write_events
from pib_rl.sites.check import check_run
from pib_rl.sites.run import at_sites
from pib_rl.sites.watch.picture import draw_sites
from pib_rl.sites.watch.record import totals

EPOCH = "epoch"  # the column of progress.csv that counts
TARGETS: dict[str, type[LearningTask]] = {"labels": LabelsTask, "values": ValuesTask, "views": ViewsTask}


@dataclass(frozen=True)
class LearningRun:
    """One run before it learns: the task, the data, the estimator on its chip, training and validation samples."""

    task: LearningTask
    data: Data
    model: PhysicalEstimator
    fitted: Split
    held: Split

    @property
    def epochs(self) -> int:
        """How many it has."""
        return self.model.planned_epochs(len(self.fitted.x))


def prepare(config: LearnConfig) -> LearningRun:
    """All that a run needs, checked before anything is learned.

    Raises:
        UserError: If the data or something of the configuration does not exist or does not fit.
    """
    data = load(config.data, config.real, config.header)
    config = suited(config, data)
    task = TARGETS[config.target](config)
    with mistakes(RuntimeError, MemoryError, OverflowError, TypeError):
        check_device(config.device)
        fitted, held = task.hold_out(data)
        if config.chips > 1:
            single = TARGETS[config.target](replace(config, chips=1, fault=())).build(data.image)
            check_room(config, single.prepare(fitted.x, **task.broadcast(fitted)), len(held.x) + len(data.x_test))
        model = task.build(data.image).prepare(fitted.x, **task.broadcast(fitted))
        if config.resume is None:
            model.model_.network.check_ready()
        check_run(config.sites, config.resume, model.model_, model.learner_, fault=config.fault, clock=config.clock)
    return LearningRun(task, data, model, fitted, held)


def fit(
    run: LearningRun,
    folder: RunFolder,
    evaluate_heldout: Callable[[], dict[str, float]],
    note: Callable[[dict[str, float]], None] = lambda row: None,
    curves: list[np.ndarray] | None = None,
) -> tuple[list[dict[str, float]], float]:
    """All epochs; leaves the network, progress.csv and figures in the run folder. A run that is resumed goes on.

    Args:
        run: What learns.
        folder: The run folder.
        evaluate_heldout: Figures of the network as it is now on validation samples, at each look.
        note: Called with the row of each look.
        curves: What ``evaluate_heldout`` adds to.

    Returns:
        A row per look, and the seconds that it took.

    Raises:
        UserError: If Ctrl-C or a lost instrument stops it; the folder holds the state after the last epoch.
    """
    rows: list[dict[str, float]] = []
    curves = [] if curves is None else curves
    config = run.task.config
    saver = Saver(
        folder.path,
        Every.parse(config.checkpoint_every),
        run.epochs,
        find_start(folder.path, config.resume is not None, "epoch"),
    )

    def watch(log: dict[str, float]) -> None:
        rows.append({EPOCH: run.model.n_iter_, **log, **evaluate_heldout()})
        note(rows[-1])
        done = flatten_state({"rows": [dict(row) for row in rows], "curves": list(curves)})
        saver.take(run.model.n_iter_, {"agent": run.model.training_state(), "run": done})

    if saver.start is not None:
        done = join_state(saver.start.parts["run"])
        rows += done["rows"]
        curves += done["curves"]
        run.model.go_on_from(saver.start.parts["agent"])
    with mistakes(RuntimeError, MemoryError), kept(folder, saver):
        own = run.model.learner_
        at = at_sites(
            config.sites,
            run.model.model_,
            own,
            folder.path,
            taps=True,
            score=lambda: rows[-1][run.task.validated] if rows else None,
            progress=config.progress,
        )
        with at as run.model.learner_:
            run.model.fit(run.fitted.x, **run.task.broadcast(run.fitted), watch=watch, watch_every=config.look_every)
        run.model.learner_ = own
        wall = saver.wall_s
        saver.keep()
        folder.save_policy(run.model.model_.state_dict())
        folder.save_rows("progress.csv", rows)
        draw(run.task, rows, folder)
    return rows, wall


def train(run: LearningRun, folder: RunFolder) -> None:
    """Trains, evaluates and fills the run folder; a training that is stopped leaves its last checkpoint."""
    try:
        _train(run, folder)
    finally:
        folder.release()


def _train(run: LearningRun, folder: RunFolder) -> None:
    task, model, config = run.task, run.model, run.task.config
    events = make_logger(folder.path, [], config.tensorboard)

    def note(row: dict[str, float]) -> None:
        write_events(events, {name: value for name, value in row.items() if name != EPOCH}, int(row[EPOCH]))

    curves: list[np.ndarray] = []
    rows, wall = fit(run, folder, lambda: task.evaluate_heldout(model, run.held, curves.append), note, curves)
    with kept(folder):
        cost = costs(model.model_)
        with model.model_.meter.paused(), threadpool_limits(1):  # runs go side by side
            found = task.evaluate(run.data, model, run.fitted, folder)
        values: dict[str, Any] = {task.validated: rows[-1][task.validated], **found.fields(), **cost}
        if config.chips > 1:
            values |= save_wafer(run, found, curves, folder).metrics()
        if config.tensorboard:
            pictures = saved_pictures(folder.path) | weight_pictures(model.model_, f"after {model.n_iter_} epochs")
            write_events(events, pictures, model.n_iter_)
        events.close()
        faults = [as_plain(fault) for fault in parse_all(config.fault)]
        folder.save_result(
            RunResult(
                kind=config.target,
                data=config.data,
                hw=config.hw,
                target=config.target,
                learner=config.learner,
                seed=config.seed,
                train_samples=len(run.fitted.x),
                test_samples=len(run.data.x_test),
                epochs=model.n_iter_,
                wall_s=round(wall, 3),
                aged_s=model.aged_s_,
                device=config.device,
                faults=faults or None,
                sites=totals(folder.path),
                **values,
            )
        )
    remove_checkpoints(folder.path)


def save_wafer(run: LearningRun, found: FinalScores, curves: list[np.ndarray], folder: RunFolder) -> LearningWafer:
    """What each chip of a wafer reached, written into the run folder.

    Args:
        run: What learned.
        found: What it reached on test samples.
        curves: Scores of the chips on validation samples after each epoch.
        folder: The run folder.
    """
    task, model = run.task, run.model.set_params(read=Read.MEAN.value)
    with model.model_.streams.aside("evaluation"), model.model_.meter.paused():
        noiseless = task.validate(model, run.held)
    validated = {task.validated: curves[-1], f"{task.validated}_noiseless": noiseless}
    wafer = LearningWafer(task.config, task.scored, np.array(curves), found.each | validated)
    wafer.save(folder, model.model_)
    return wafer


def as_plain(fault: Fault) -> dict[str, Any]:
    """A fault as a result holds it; where chips have sizes of their own, ``last`` is that of the last chip."""
    spread = {} if fault.last is None else {"last": fault.last}
    return {"kind": fault.kind, "size": fault.size, **spread, "epoch": fault.step}


@contextlib.contextmanager
def kept(folder: RunFolder, saver: Saver | None = None) -> Iterator[None]:
    """Keeps the state after the last epoch when something stops what is inside.

    Raises:
        UserError: In the place of what comes from outside; it says what that is, and how to go on.
    """
    try:
        yield
    except UserError:
        raise
    except (KeyboardInterrupt, Exception) as error:
        epoch, reason = None if saver is None else saver.rescue() or 0, stopped_by(error, folder)
        if reason is None:
            raise
        done = epoch is None
        where = "in its evaluation, the training is done" if done else f"after epoch {epoch}"
        then = "evaluates" if done else "goes on from there"
        raise UserError(f"{reason}; stopped {where}: {folder.resume_command} {then}") from error


def draw(task: LearningTask, rows: list[dict[str, float]], folder: RunFolder) -> None:
    """Figures of the training."""
    title = task.config.title
    epochs = [row[EPOCH] for row in rows]
    names = {"training batches, while learning": "score", "validation samples": task.validated}
    lines = {label: (epochs, [100 * row[name] for row in rows]) for label, name in names.items()}
    curve = curves.line_figure(lines, title, EPOCH, f"{task.scored} [%]")
    folder.save_picture("learning_curve", curves.as_png(curve))
    plane = curves.information_plane(curves.read_progress(folder.path / "progress.csv"), f"Information plane: {title}")
    folder.save_picture("information_plane", curves.as_png(plane))
    draw_sites(folder, f"{task.scored} [%]", title, 100)
