"""Trains physical units on data, with labels or without: python -m pib_rl.learn digits --hw optical."""

from __future__ import annotations

import contextlib
import csv
import io
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from threadpoolctl import threadpool_limits

from pib_rl.agents.estimators.base import PhysicalEstimator
from pib_rl.agents.network.costs import COST_FIELDS, costs, format_costs
from pib_rl.cli.cli import UserError, mistakes, parse, run
from pib_rl.cli.process import check_device, settle_in
from pib_rl.figures import curves as plots
from pib_rl.learning.config import LearnConfig
from pib_rl.learning.data import Data, load
from pib_rl.learning.labels import LabelsTask
from pib_rl.learning.task import LearningTask, Part
from pib_rl.learning.values import ValuesTask
from pib_rl.learning.views import ViewsTask
from pib_rl.physical.faults import parse_all
from pib_rl.physical.remote.instrument import InstrumentError
from pib_rl.runs.folder import RunFolder, write_atomically
from pib_rl.runs.tensorboard import check_installed, make_logger, saved_pictures, weight_pictures, write_events

NAME = "pib_rl.learn"
TARGETS: dict[str, type[LearningTask]] = {"labels": LabelsTask, "values": ValuesTask, "views": ViewsTask}
NAMED = ("data", "hw", "target", "learner")
COUNTED = ("seed", "train_samples", "test_samples", "epochs", "wall_s", *COST_FIELDS)


def main(arguments: list[str]) -> None:
    """The command."""
    settle_in()
    config = parse(LearnConfig, arguments, NAME)
    if config.tensorboard:
        check_installed()
    data = load(config.data, config.real)
    lesson = TARGETS[config.target](config)
    with mistakes(RuntimeError, MemoryError, OverflowError, TypeError):
        check_device(config.device)
        fitted, held = lesson.hold_out(data)
        model = lesson.build(data.image).prepare(fitted.x, **lesson.broadcast(fitted))
    folder = RunFolder.create(config)
    if folder.finished:
        print(f"{folder.path} holds this run already, finished:")
    else:
        train(lesson, data, model, fitted, held, folder)
    show(folder)


def train(
    lesson: LearningTask, data: Data, model: PhysicalEstimator, fitted: Part, held: Part, folder: RunFolder
) -> None:
    """Trains, judges and fills the run folder; a training that stops (Ctrl-C, a lost instrument) leaves its network."""
    config, rows = lesson.config, list[dict[str, float]]()
    events = make_logger(folder.path, [], config.tensorboard)

    def watch(log: dict[str, float]) -> None:
        rows.append({"epoch": len(rows) + 1, **log, **lesson.look(model, held)})
        write_events(events, {name: value for name, value in rows[-1].items() if name != "epoch"}, len(rows))

    start = time.perf_counter()
    with mistakes(RuntimeError, MemoryError), kept(folder, model, rows):
        model.fit(fitted.x, **lesson.broadcast(fitted), watch=watch)
    with kept(folder, model, rows):
        wall = time.perf_counter() - start
        keep(folder, model, rows)
        draw(lesson, rows, folder)
        cost = costs(model.model_)
        with model.model_.meter.paused(), threadpool_limits(1):  # runs go side by side
            result = lesson.assess(data, model, fitted, folder)
        if config.tensorboard:
            pictures = saved_pictures(folder.path) | weight_pictures(model.model_, f"after {len(rows)} epochs")
            write_events(events, pictures, len(rows))
        events.close()
    faults = [{"kind": fault.kind, "size": fault.size, "epoch": fault.step} for fault in parse_all(config.fault)]
    folder.save_result(
        {
            "data": config.data,
            "hw": config.hw,
            "target": config.target,
            "learner": config.learner,
            "seed": config.seed,
            "train_samples": len(fitted.x),
            "test_samples": len(data.x_test),
            "epochs": len(rows),
            lesson.validated: rows[-1][lesson.validated],
            **result,
            "wall_s": round(wall, 3),
            **cost,
            "aged_s": model.aged_s_,
            "device": config.device,
            **({"faults": faults} if faults else {}),
        }
    )


@contextlib.contextmanager
def kept(folder: RunFolder, model: PhysicalEstimator, rows: list[dict[str, float]]) -> Iterator[None]:
    """Keeps the network so far when Ctrl-C or a lost instrument stops what is inside.

    Raises:
        UserError: In their place; it says what stopped, and where the network is.
    """
    try:
        yield
    except KeyboardInterrupt:
        keep(folder, model, rows)
        raise UserError(f"interrupted after epoch {len(rows)}; the network so far is in {folder.path}") from None
    except InstrumentError as error:
        keep(folder, model, rows)
        raise UserError(
            f"{error}; stopped after epoch {len(rows)}; the network so far is in {folder.path}: once the "
            "instrument answers, run again with another --out or without"
        ) from error


def keep(folder: RunFolder, model: PhysicalEstimator, rows: list[dict[str, float]]) -> None:
    """Writes the network and progress.csv, a row per epoch."""
    folder.save_policy(model.model_.state_dict())
    if not rows:
        return
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(folder.path / "progress.csv", text.getvalue().encode())


def draw(lesson: LearningTask, rows: list[dict[str, float]], folder: RunFolder) -> None:
    """Figures of the training."""
    title = lesson.config.title
    epochs = range(1, len(rows) + 1)
    names = {"training batches, while learning": "score", "validation samples": lesson.validated}
    lines = {label: (epochs, [100 * row[name] for row in rows]) for label, name in names.items()}
    curve = plots.line_figure(lines, title, "epoch", f"{lesson.scored} [%]")
    write_atomically(folder.path / "learning_curve.png", plots.as_png(curve))
    plane = plots.information_plane(plots.read_progress(folder.path / "progress.csv"), f"Information plane: {title}")
    write_atomically(folder.path / "information_plane.png", plots.as_png(plane))


def show(folder: RunFolder) -> None:
    """The table of a finished run."""
    result = folder.checked_result(NAMED, COUNTED)
    lesson = TARGETS.get(result["target"])
    if lesson is None:
        raise UserError(f"{folder.path} is of an unknown target, {result['target']!r}; known: {', '.join(TARGETS)}")
    folder.checked_result((), lesson.figures)
    columns, rows = lesson.table(result)
    title = f"{Path(result['data']).name} on {result['hw']} ({result['learner']}, seed {result['seed']})"
    table = Table(title=escape(title), title_style="")
    for index, name in enumerate(columns):
        table.add_column(name, justify="right" if index else "left")
    for row in rows:
        table.add_row(*row)
    table.caption = f"{result['train_samples']:,} samples, {result['epochs']} epochs in {result['wall_s']:.1f} s"
    console = Console()
    console.print(table)
    console.print(format_costs(result), soft_wrap=True, highlight=False)
    console.print(f"run folder: {folder.path}", soft_wrap=True, highlight=False, markup=False)


if __name__ == "__main__":
    run(NAME, main)
