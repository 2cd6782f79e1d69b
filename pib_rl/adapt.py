"""Breaks a trained chip and lets it learn on: python -m pib_rl.adapt runs/X --fault stuck:0.5."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pib_rl.adaptation.config import AdaptConfig
from pib_rl.cli.cli import UserError, parse, run
from pib_rl.cli.process import settle_in
from pib_rl.cli.signals import importing
from pib_rl.runs.folder import CONFIG, RESULT, RunFolder
from pib_rl.runs.result import FORMATS, RunResult, decimals
from pib_rl.runs.resuming import named_run, resumed
from pib_rl.runs.stops import between_learners

NAME = "pib_rl.adapt"
NEEDED = ("hw", "learner", "unit", "scored", "before", "after", "length", "seed", "learners")


def main(arguments: list[str]) -> None:
    """The command."""
    begun = named_run(arguments)
    config = (
        parse(AdaptConfig, arguments, NAME)
        if begun is None
        else resumed(AdaptConfig, begun, arguments, NAME, lambda settings: check_kind(settings, begun))
    )
    with importing():  # late: --help and mistakes need none of it
        from pib_rl.adaptation.run import adapt, open_run
        from pib_rl.agents.budget import NOTHING

    settle_in()
    config.import_modules()
    recovery = open_run(config)
    chip = recovery.load()
    recovery.check(chip)
    folder = RunFolder.create(config) if begun is None else RunFolder.resume(begun)
    if folder.finished:
        print(f"{folder.path} holds this adaptation already, finished:")
    else:
        for line in recovery.forecast():
            print(line)
        with between_learners(folder), warnings.catch_warnings():
            warnings.filterwarnings("ignore", NOTHING)  # said above, once for all learners
            recovery.apply_faults(chip)
            adapt(recovery, folder)
    show(folder)


def check_kind(settings: Mapping[str, Any], run: Path) -> None:
    """Raises ValueError if a folder is none of ``adapt``."""
    if "run" not in settings or "fault" not in settings:
        raise ValueError(f"{run / CONFIG} is not of an adaptation that python -m pib_rl.adapt began; give one")


def show(folder: RunFolder) -> None:
    """The table of a finished adaptation."""
    result = folder.result(*NEEDED)
    learners = result.learners or {}
    if not all(isinstance(one, dict) and "final" in one for one in learners.values()):
        raise UserError(
            f"{folder.path / RESULT} is damaged (learners without a final number); delete {folder.path} to adapt "
            "again, or choose another --out"
        )
    task = Path(str(result.data or result.env)).name
    title = f"{task} on {result.hw} ({result.learner}, seed {result.seed}), {', '.join(result.faults or [])}"
    table = Table(title=escape(title), title_style="")
    probes = ["old probe"] if result.after_old_probe is not None else []
    columns = ["", str(result.scored), *probes, "measurements", "writes"]
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index else "left", no_wrap=index >= len(columns) - 2)
    before = {"final": result.before, "final_old_probe": result.before}
    after = {"final": result.after, "final_old_probe": result.after_old_probe}
    later = f"{result.length:,} {result.unit} later"
    rows = {"before the fault": before, "after it": after} | {f"{name}, {later}": one for name, one in learners.items()}
    places = decimals(*(one["final"] for one in rows.values() if isinstance(one["final"], (int, float))))
    for name, one in rows.items():
        scores = [_score(result, one.get(key), places) for key in ("final", "final_old_probe")]
        counts = one.get("counts", {})
        told = [f"{int(counts[key]):,}" if key in counts else "" for key in ("measurements", "writes")]
        table.add_row(name, *scores[: 1 + len(probes)], *told)
    console = Console()
    console.print(table)
    console.print(f"folder: {folder.path}", soft_wrap=True, highlight=False, markup=False)


def _score(result: RunResult, value: Any, places: int) -> str:
    if not isinstance(value, (int, float)):
        return "-"
    return FORMATS["percent"](value, "") if result.percent else f"{value:.{places}f}"


if __name__ == "__main__":
    run(NAME, main)
