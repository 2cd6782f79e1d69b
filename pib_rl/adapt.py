"""Breaks a trained chip and lets it learn on: python -m pib_rl.adapt runs/X --fault stuck:0.5."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pib_rl.adaptation import figures
from pib_rl.adaptation.classifiers import ClassifierRecovery
from pib_rl.adaptation.config import AdaptConfig
from pib_rl.adaptation.encoders import EncoderRecovery
from pib_rl.adaptation.estimators import EstimatorRecovery
from pib_rl.adaptation.policies import PolicyRecovery
from pib_rl.adaptation.recovery import RecoveryCurve, RecoveryRun
from pib_rl.adaptation.regressors import RegressorRecovery
from pib_rl.cli.cli import UserError, parse, run
from pib_rl.cli.process import settle_in
from pib_rl.figures import curves as plots
from pib_rl.runs.folder import RunFolder, write_atomically
from pib_rl.training.evaluation import as_told

NAME = "pib_rl.adapt"
TARGETS: dict[str, type[EstimatorRecovery]] = {
    "labels": ClassifierRecovery,
    "values": RegressorRecovery,
    "views": EncoderRecovery,
}
NAMED = ("hw", "learner", "unit", "scored")
COUNTED = ("before", "after", "length", "seed")


def main(arguments: list[str]) -> None:
    """The command."""
    settle_in()
    config = parse(AdaptConfig, arguments, NAME)
    patient = receive(config)
    chip = patient.admit()
    patient.check(chip)
    folder = RunFolder.create(config)
    if folder.finished:
        print(f"{folder.path} holds this adaptation already, finished:")
    else:
        patient.apply_faults(chip)
        adapt(patient, folder)
    show(folder)


def receive(config: AdaptConfig) -> RecoveryRun:
    """The run that is to break.

    Raises:
        UserError: If the folder is none, not finished, or of a kind that can't go on.
    """
    origin = RunFolder.open(config.run)
    if not origin.finished:
        raise UserError(f"{origin.path} is an unfinished run; give a finished one")
    settings = origin.identity()
    if "data" not in settings:
        return PolicyRecovery(config, origin, settings)
    kind = TARGETS.get(str(settings.get("target")))
    if kind is None:
        raise UserError(
            f"{origin.path} is of an unknown target, {settings.get('target')!r}; known: {', '.join(TARGETS)}"
        )
    return kind(config, origin, settings)


def adapt(patient: RecoveryRun, folder: RunFolder) -> None:
    """Lets one contender after the other learn on, and fills the folder; an interruption leaves what is there."""
    courses: dict[str, RecoveryCurve] = {}
    for name in patient.contenders:
        courses[name] = patient.learn_on(name, folder.path / name)
        save_progress(courses, patient.unit, folder.path / "progress.csv")
        title = f"{', '.join(patient.config.fault)}: {plots.literal(patient.run.path.resolve().name)}"
        figure = figures.recovery_figure(
            courses, patient.held_before, patient.unit, patient.scored, title, patient.percent
        )
        write_atomically(folder.path / "adapt.png", plots.as_png(figure))
    folder.save_result(
        told(
            {
                "run": str(patient.config.run),
                **patient.origin,
                "faults": list(patient.config.fault),
                "adapt_seed": patient.config.seed,
                "unit": patient.unit,
                "length": patient.length,
                "scored": patient.scored,
                "percent": patient.percent,
                "before": patient.before,
                "after": patient.after,
                "after_old_probe": patient.after_old_probe,
                "curve_before": patient.held_before,
                "contenders": {name: told(asdict(course)) for name, course in courses.items()},
            }
        )
    )


def told(found: dict[str, Any]) -> dict[str, Any]:
    """All but what there is no figure of."""
    return {name: value for name, value in found.items() if value is not None}


def save_progress(courses: dict[str, RecoveryCurve], unit: str, path: Path) -> None:
    """Writes all curves, a row per evaluation."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["contender", unit.replace(" ", "_"), "performance"])
    writer.writerows([name, *point] for name, course in courses.items() for point in course.curve)
    write_atomically(path, text.getvalue().encode())


def show(folder: RunFolder) -> None:
    """The table of a finished adaptation."""
    result = folder.checked_result(NAMED, COUNTED)
    known = result.get("contenders")
    if not isinstance(known, dict) or not all(isinstance(one, dict) and "final" in one for one in known.values()):
        raise UserError(
            f"{folder.path / 'result.json'} is damaged (contenders missing); delete {folder.path} to adapt "
            "anew, or choose another --out"
        )
    task = Path(str(result.get("data") or result.get("env"))).name
    table = Table(
        title=escape(
            f"{task} on {result['hw']} ({result['learner']}, seed {result['seed']}), "
            f"{', '.join(result.get('faults', []))}"
        ),
        title_style="",
    )
    share, probes = bool(result.get("percent")), "after_old_probe" in result
    columns = ["", result["scored"], *(["old probe"] if probes else []), "measurements", "writes"]
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index else "left", no_wrap=index >= len(columns) - 2)
    rows: list[tuple[str, Any, Any, dict[str, Any]]] = [
        ("before the fault", result["before"], result["before"], {}),
        ("after it", result["after"], result.get("after_old_probe"), {}),
        *(
            (
                f"{name}, {result['length']:,} {result['unit']} later",
                course["final"],
                course.get("final_old_probe"),
                course.get("counts", {}),
            )
            for name, course in known.items()
        ),
    ]
    for name, figure, old, counts in rows:
        table.add_row(
            name,
            *(_figure(value, share) for value in ((figure, old) if probes else (figure,))),
            *(f"{int(counts[key]):,}" if key in counts else "" for key in ("measurements", "writes")),
        )
    console = Console()
    console.print(table)
    console.print(f"folder: {folder.path}", soft_wrap=True, highlight=False, markup=False)


def _figure(value: Any, share: bool) -> str:
    if not isinstance(value, (int, float)):
        return "-"
    return f"{100 * value:.2f} %" if share else as_told(value)


if __name__ == "__main__":
    run(NAME, main)
