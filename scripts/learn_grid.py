"""Tunes learning from images: eight settings of a learner's rates, on training images alone.

    python scripts/learn_grid.py LEARNER [...] [--task dense] [--data mnist] [--hw HW ...] [--seeds S ...] [--jobs J]

Each setting learns from 20,000 of the training images for 4 epochs and is judged by 5000 others of them; test images
are not touched. Prints a Markdown table per learner: means over seeds (chips), noisy hardware, in %; - where a setting
fails. With labels (tasks dense, patches) that is the accuracy; without (task views) those of a linear probe, of one
with 500 labels and of 5 nearest neighbours, which see the features alone.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import sys
from functools import partial

import jobs
import torch
from sklearn.model_selection import train_test_split

from pib_rl.agents.estimators.supervised import PIBClassifier, PIBEncoder
from pib_rl.agents.learners.registry import LEARNERS
from pib_rl.cli.cli import UserError, run
from pib_rl.learning import probes
from pib_rl.learning.data import Data, load

PATCHES = {"units": 1, "batch_size": 128, "patches": [(16, 5, 2), (32, 3, 2)]}
TASKS = {
    "dense": {"width": 512, "units": 3, "batch_size": 256},
    "patches": {"width": 512, **PATCHES},
    "views": {"width": 256, **PATCHES},
}
CAMERAS = {"pixels_per_drive": 8}  # of patch units on optical hardware, as scripts/benchmark_learn.py has them
HARDWARE = ("digital", "memristive", "optical")
HIDDEN, READOUT = (5e-3, 1e-2, 2e-2, 4e-2), (2.0, 6.0)
LEARNED_FROM, JUDGED_BY, EPOCHS = 20_000, 5_000, 4
Figures = tuple[float, ...]


def figures(data: Data, task: str, learner: str, hw: str, hidden: float, readout: float, seed: int) -> Figures | str:
    """In %, of the last network; what is wrong where a setting fails."""
    torch.set_num_threads(1)
    x, x_held, y, y_held = train_test_split(
        data.x_train,
        data.y_train,
        train_size=LEARNED_FROM,
        test_size=JUDGED_BY,
        random_state=seed,
        stratify=data.y_train,
    )
    kind = PIBEncoder if task == "views" else PIBClassifier
    cameras = CAMERAS if hw == "optical" and "patches" in TASKS[task] else None
    model = kind(
        hw=hw,
        learner=learner,
        epochs=EPOCHS,
        seed=seed,
        image=data.image,
        scaling="common",
        read="noisy",
        hw_options=cameras,
        rule={"hidden_rate": hidden, "learning_rate": readout},
        **TASKS[task],
    )
    try:
        model.fit(x, y)
        if isinstance(model, PIBClassifier):
            return (100 * float(model.score(x_held, y_held)),)
    except ValueError as error:
        return str(error)
    known, seen, last = model.transform(x), model.transform(x_held), model.model_.network.last.out_features
    found = (
        probes.probe(known, y, seen, y_held),
        probes.probe(known, y, seen, y_held, few=True),
        probes.neighbours(known[:, -last:], y, seen[:, -last:], y_held),
    )
    return tuple(100 * value for value in found)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("learners", nargs="+", choices=sorted(set(LEARNERS) - {"es"}), metavar="LEARNER")
    parser.add_argument("--task", default="dense", choices=TASKS)
    parser.add_argument("--data", default="mnist", help="name or path, as python -m pib_rl.learn takes it; images")
    parser.add_argument("--hw", nargs="+", default=HARDWARE, choices=HARDWARE, metavar="HW")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], metavar="S")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(arguments)
    for name, value, least in (("--jobs", options.jobs, 1), ("--seeds", min(options.seeds), 0)):
        if value < least:
            raise UserError(f"{name} must be {least} or more, got {value}")
    if max(options.seeds) >= 2**32:
        raise UserError(f"--seeds must be below 2^32, got {max(options.seeds)}")
    data = load(options.data)
    if data.image is None or data.y_train is None or len(data.x_train) < LEARNED_FROM + JUDGED_BY:
        raise UserError(f"--data must be labelled images, {LEARNED_FROM + JUDGED_BY} or more to learn from")
    plan = list(itertools.product(options.learners, options.hw, HIDDEN, READOUT, options.seeds))
    calls = {one: partial(figures, data, options.task, *one) for one in plan}
    found, failed = jobs.side_by_side(calls, options.jobs, processes=True)
    for learner, words in dict.fromkeys((one[0], value) for one, value in found.items() if isinstance(value, str)):
        print(f"{learner}: a setting failed: {words}", file=sys.stderr)
    for learner in options.learners:
        heads = [f"{hw}, readout {readout:g}" for hw in options.hw for readout in READOUT]
        print(f"\n| {learner}, {options.task} | {' | '.join(heads)} |\n|---|{'---|' * len(heads)}")
        for hidden in HIDDEN:
            cells = [
                cell([found.get((learner, hw, hidden, readout, seed), "") for seed in options.seeds])
                for hw in options.hw
                for readout in READOUT
            ]
            print(f"| hidden rate {hidden:g} | {' | '.join(cells)} |")
    jobs.end(failed)


def cell(runs: list[Figures | str]) -> str:
    """Means of their figures, or - if one failed."""
    known = [one for one in runs if not isinstance(one, str)]
    if len(known) < len(runs):
        return "-"
    return " / ".join(f"{statistics.mean(values):.2f}" for values in zip(*known, strict=True))


if __name__ == "__main__":
    run("learn_grid.py", main)
