"""Trains physical units on labelled data: python -m pib_rl.learn digits --hw optical."""

from __future__ import annotations

import csv
import io
import time
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

from pib_rl import plots
from pib_rl.agents.estimators import PIBClassifier
from pib_rl.agents.information import information_plane
from pib_rl.agents.label_samples import ClassSamples
from pib_rl.cli import UserError, mistakes, parse, run
from pib_rl.learning import figures, judge
from pib_rl.learning.config import LearnConfig
from pib_rl.learning.data import Data, load
from pib_rl.physical.streams import EVALUATION, Streams
from pib_rl.physical.substrate import Read
from pib_rl.process import check_device, settle_in
from pib_rl.runs import RunFolder, write_atomically

NAME = "pib_rl.learn"
VALIDATION, MOST = 0.1, 5000  # share of the training samples that are held out to look at, and how many at most
PLANE = 512  # samples of the information plane
JUDGED = 10_000  # training samples that probe and neighbours learn from, at most
NAMED = ("data", "hw", "mode", "rival")
COUNTED = ("seed", "train_samples", "test_samples", "epochs", "validation_accuracy", "test_accuracy",
           "test_accuracy_noiseless", "probe_accuracy", "knn_accuracy", "nmi", "wall_s", "measurements", "writes")


def main(arguments: list[str]) -> None:
    """The command."""
    settle_in()
    config = parse(LearnConfig, arguments, NAME)
    data = load(config.data)
    with mistakes(RuntimeError, MemoryError, OverflowError, TypeError):
        fitted, held = hold_out(data, config.seed)
        model = build(config, data.image).prepare(*fitted)
    folder = RunFolder.create(config)
    if folder.finished:
        print(f"{folder.path} holds this run already, finished:")
    else:
        train(config, data, model, fitted, held, folder)
    show(folder)


def hold_out(data: Data, seed: int) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Samples to learn from, and validation samples to look at meanwhile, the same share of every class."""
    names, counts = np.unique(data.y_train, return_counts=True)
    if len(names) < 2:
        raise UserError(f"the training samples must be of 2 classes or more, got one class: {names[0]}")
    if counts.min() < 2:
        raise UserError("every class needs 2 training samples or more (one is for validation), but class "
                        f"{names[counts.argmin()]} has {counts.min()}")
    held = max(len(names), min(MOST, int(VALIDATION * len(data.y_train))))
    x, x_held, y, y_held = train_test_split(data.x_train, data.y_train, test_size=held, stratify=data.y_train,
                                            random_state=Streams(seed).integer("split"))
    return (x, y), (x_held, y_held)


def build(config: LearnConfig, image: tuple[int, ...] | None) -> PIBClassifier:
    """The estimator of a configuration.

    Raises:
        ValueError: If the device is none, or there is no image for patches.
    """
    check_device(config.device)
    plain = config.substance()
    if config.patches and image is None:
        raise ValueError("--patches needs images, and these data are vectors; leave it out")
    return PIBClassifier(hw=config.hw, units=config.units, width=config.width, objective=config.objective,
                         epochs=config.epochs, batch_size=config.batch_size, mode=config.learner,
                         hw_options=plain["hw_options"], rule=plain["rule"], scaling="common" if image else "feature",
                         image=image, patches=config.squares(),
                         read=Read.NOISY.value, seed=config.seed, device=config.device, verbose=config.progress,
                         warm_start=True)


def train(config: LearnConfig, data: Data, model: PIBClassifier, fitted: tuple[np.ndarray, np.ndarray],
          held: tuple[np.ndarray, np.ndarray], folder: RunFolder) -> None:
    """Trains, judges and fills the run folder; an interrupted training leaves the network so far."""
    rows: list[dict[str, float]] = []

    def watch(log: dict[str, float]) -> None:
        rows.append({"epoch": len(rows) + 1, **log, **look(model, *held)})

    start = time.perf_counter()
    try:
        with mistakes(RuntimeError, MemoryError):
            model.fit(*fitted, watch=watch)
        wall = time.perf_counter() - start
        keep(folder, model, rows)
        draw(config, rows, folder)
        counts = model.model_.meter.totals()
        with model.model_.meter.paused(), threadpool_limits(1):  # runs go side by side
            result = assess(config, data, model, fitted, folder)
    except KeyboardInterrupt:
        keep(folder, model, rows)
        raise UserError(f"interrupted after epoch {len(rows)}; the network so far is in {folder.path}") from None
    folder.save_result({
        "data": config.data, "hw": config.hw, "mode": "supervised", "rival": config.learner, "seed": config.seed,
        "train_samples": len(fitted[0]), "test_samples": len(data.x_test), "epochs": len(rows),
        "validation_accuracy": rows[-1]["validation_accuracy"], **result, "wall_s": round(wall, 3), **counts,
        "devices": model.model_.devices,
    })


def look(model: PIBClassifier, x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Accuracy on validation samples and each unit's place in the information plane; not counted, drawn aside."""
    network = model.model_
    with network.streams.aside("evaluation"), network.meter.paused():
        figures = {"validation_accuracy": float(model.score(x, y))}
        inputs = torch.as_tensor(x[:PLANE]).float().to(model.device)
        labels = torch.as_tensor(np.searchsorted(model.classes_, y[:PLANE])).to(model.device)
        samples, pick = ClassSamples(network, inputs, labels), torch.arange(len(inputs), device=inputs.device)
        with torch.inference_mode():
            ready = samples.inputs(pick)
            plane = information_plane(ready, network.network.measure(ready), samples.target(pick))
    for unit, point in enumerate(plane, 1):
        figures |= {f"information/input_unit{unit}": point.on_input, f"information/target_unit{unit}": point.on_target}
    return figures


def assess(config: LearnConfig, data: Data, model: PIBClassifier, fitted: tuple[np.ndarray, np.ndarray],
           folder: RunFolder) -> dict[str, float]:
    """Figures of the final network on the test samples, which are touched here and nowhere else; their pictures."""
    title = config.title
    guess = model.predict(data.x_test)
    labels = np.asarray(data.y_test)
    known, seen = model.features(fitted[0][:JUDGED]), model.features(data.x_test)
    names, draws = fitted[1][:JUDGED], Streams(config.seed).integer(EVALUATION)
    last = model.model_.network.last.out_features
    result = {
        "test_accuracy": float((guess == labels).mean()),
        "test_accuracy_noiseless": float(model.set_params(read=Read.MEAN.value).score(data.x_test, labels)),
        "probe_accuracy": judge.probe(known, names, seen, labels),
        "knn_accuracy": judge.neighbours(known[:, -last:], names, seen[:, -last:], labels),
        "nmi": judge.clusters(seen[:, -last:], labels, draws),
    }
    inputs = torch.as_tensor(data.x_test[: figures.SHOWN]).float().to(model.device)
    for name, figure in (
            ("confusion", figures.confusion(labels, guess, model.classes_, f"Test samples: {title}")),
            ("hardware", figures.hardware(model.model_, inputs, data.image, f"What the hardware saw: {title}")),
            ("features", figures.features(seen[:, -last:], labels, draws, f"Last medium: {title}"))):
        write_atomically(folder.path / f"{name}.png", plots.as_png(figure))
    return result


def keep(folder: RunFolder, model: PIBClassifier, rows: list[dict[str, float]]) -> None:
    """Writes the network and progress.csv, a row per epoch."""
    folder.save_policy(model.model_.state_dict())
    if not rows:
        return
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(folder.path / "progress.csv", text.getvalue().encode())


def draw(config: LearnConfig, rows: list[dict[str, float]], folder: RunFolder) -> None:
    """Figures of the training."""
    title = config.title
    write_atomically(folder.path / "learning_curve.png", plots.as_png(figures.learning_curve(rows, title)))
    plane = plots.information_plane(plots.read_progress(folder.path / "progress.csv"), f"Information plane: {title}")
    write_atomically(folder.path / "information_plane.png", plots.as_png(plane))


def show(folder: RunFolder) -> None:
    """The table of a finished run."""
    result = folder.whole_result(NAMED, COUNTED)
    title = f"{Path(result['data']).name} on {result['hw']} ({result['rival']}, seed {result['seed']})"
    table = Table(title=escape(title), title_style="")
    table.add_column("test samples")
    table.add_column("", justify="right")
    for label, key in (("accuracy", "test_accuracy"), ("accuracy, mean read", "test_accuracy_noiseless"),
                       ("linear probe on all taps", "probe_accuracy"),
                       ("5 nearest neighbours, last unit", "knn_accuracy")):
        table.add_row(label, f"{100 * result[key]:.2f} %")
    table.add_row("clusters and classes, NMI", f"{result['nmi']:.3f}")
    table.caption = (f"{result['train_samples']:,} samples, {result['epochs']} epochs in {result['wall_s']:.1f} s\n"
                     f"{result['measurements']:,} measurements, {result['writes']:,} writes")
    console = Console()
    console.print(table)
    console.print(f"run folder: {folder.path}", soft_wrap=True, highlight=False, markup=False)


if __name__ == "__main__":
    run(NAME, main)
