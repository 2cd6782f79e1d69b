"""Trains physical units on data, with labels or without: python -m pib_rl.learn digits --hw optical."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pib_rl.cli.cli import UserError, parse, run
from pib_rl.cli.process import settle_in
from pib_rl.cli.signals import importing
from pib_rl.learning.config import LearnConfig
from pib_rl.runs.folder import CONFIG, RunFolder
from pib_rl.runs.result import FORMATS, RunResult
from pib_rl.runs.resuming import named_run, resumed
from pib_rl.sites.hardware import with_hardware_of_sites
from pib_rl.sites.watch.record import told

NAME = "pib_rl.learn"
NEEDED = ("data", "hw", "target", "learner", "seed", "train_samples", "test_samples", "epochs", "wall_s")


def main(arguments: list[str]) -> None:
    """The command."""
    run = named_run(arguments)
    config = (
        placed(parse(LearnConfig, arguments, NAME))
        if run is None
        else resumed(LearnConfig, run, arguments, NAME, lambda settings: check_kind(settings, run))
    )
    carry_out(config, run)


def carry_out(config: LearnConfig, run: Path | None) -> None:
    """Trains, or goes on in the folder ``run``, and shows the result. What trains is imported here."""
    with importing():  # late: --help and mistakes need none of it
        from pib_rl.learning.run import prepare, train
        from pib_rl.runs.tensorboard import check_installed

    settle_in()
    if config.tensorboard:
        check_installed()
    prepared = prepare(config)
    folder = RunFolder.create(prepared.task.config) if run is None else RunFolder.resume(run)
    if folder.finished:
        print(f"{folder.path} holds this run already, finished:")
    else:
        train(prepared, folder)
    show(folder)


def placed(config: LearnConfig) -> LearnConfig:
    """With the substrates of its sites; UserError if a name in it is unknown."""
    config.check_names(config.objective)
    return with_hardware_of_sites(config, len(config.squares()) + config.units)


def check_kind(settings: Mapping[str, Any], run: Path) -> None:
    """Raises ValueError if a run is none of ``learn``."""
    if "data" not in settings:
        raise ValueError(f"{run / CONFIG} is not of a run that python -m pib_rl.learn began; give one")


def show(folder: RunFolder) -> None:
    """The table of a finished run."""
    from pib_rl.agents.network.costs import COST_FIELDS, format_costs
    from pib_rl.learning.run import TARGETS

    result = folder.result(*NEEDED, *COST_FIELDS)
    task = TARGETS.get(str(result.target))
    if task is None:
        raise UserError(f"{folder.path} is of an unknown target, {result.target!r}; known: {', '.join(TARGETS)}")
    columns, rows = task.table(folder.result(*task.shown))
    title = f"{Path(str(result.data)).name} on {result.hw} ({result.learner}, seed {result.seed})"
    table = Table(title=escape(title), title_style="")
    for index, name in enumerate(columns):
        table.add_column(name, justify="right" if index else "left")
    for row in rows:
        table.add_row(*row)
    table.caption = f"{result.train_samples:,} samples, {result.epochs} epochs in {result.wall_s:.1f} s" + chips(result)
    console = Console()
    console.print(table)
    console.print(format_costs(result.plain()), soft_wrap=True, highlight=False)
    if result.sites:
        console.print(told(result.sites), soft_wrap=True, highlight=False, markup=False)
    console.print(f"run folder: {folder.path}", soft_wrap=True, highlight=False, markup=False)


def chips(result: RunResult) -> str:
    """How the chips of a wafer differ, in two lines; nothing for a single chip."""
    if result.chips is None:
        return ""
    median, worst = (FORMATS["percent"](score or 0.0, "") for score in (result.chips_median, result.worst_chip_mean))
    return f"\nmeans over {result.chips} chips\nmedian {median}, worst {worst} (chip {result.worst_chip})"


if __name__ == "__main__":
    run(NAME, main)
