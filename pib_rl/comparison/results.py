"""What the finished runs of a comparison measured: rows, curves, and one line per contender and substrate."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import Any

import numpy as np

from pib_rl.cli.cli import UserError
from pib_rl.comparison.folder import ComparisonFolder
from pib_rl.comparison.intervals import Estimate, estimate, verdict
from pib_rl.comparison.plan import Job
from pib_rl.figures.curves import read_progress
from pib_rl.runs.folder import EVALUATIONS, RESULT, RunFolder
from pib_rl.training.baselines import SOFTWARE

ALL = "all"
ROW = (
    "contender",
    "hw",
    "seed",
    "timesteps",
    "eval_mean",
    "eval_std",
    "eval_episodes",
    "best_eval_mean",
    "solved_at_step",
    "wall_s",
    "measurements",
    "writes",
    "devices",
    "energy_j",
)


@dataclass(frozen=True)
class Run:
    """One finished run.

    Args:
        job: What it was.
        settings: Its configuration, as `RunConfig.identity` gives it.
        result: Its result.json.
        looks: Its evaluations.csv by column: timesteps, mean_reward, measurements.
    """

    job: Job
    settings: dict[str, Any]
    result: dict[str, Any]
    looks: dict[str, np.ndarray]

    def row(self) -> dict[str, Any]:
        """One row of results.csv; empty where there is no such figure."""
        known = {"contender": self.job.contender, "hw": self.job.hw, "seed": self.job.seed} | self.result
        return {name: known.get(name) for name in ROW}


@dataclass(frozen=True)
class Standing:
    """One contender on one substrate, or on all of them together.

    Args:
        contender: Name.
        hw: Substrate, "software", or "all" substrates together.
        finals: Mean return of each run's final policy.
        score: Their interquartile mean.
        against: PIB beside it: "better", "worse", "level", "few runs"; None for PIB itself.
        seconds: Mean training time.
        measurements: Mean physical measurements of the training, or None.
        writes_per_device: Mean writes per programmable device, or None.
        energy: Mean energy in joules, or None where the meter gives none.
    """

    contender: str
    hw: str
    finals: np.ndarray
    score: Estimate
    against: str | None
    seconds: float
    measurements: float | None
    writes_per_device: float | None
    energy: float | None


def collect(jobs: list[Job], folder: ComparisonFolder) -> list[Run]:
    """The finished runs among the jobs.

    Raises:
        UserError: If a run can't be read.
    """
    runs = []
    for job in jobs:
        path = folder.runs / job.name / EVALUATIONS
        if not path.parent.exists():
            continue
        try:
            looks = read_progress(path)
        except (OSError, ValueError) as error:
            raise UserError(
                f"{path} cannot be read: {error}; delete {path.parent}, and the command repeats the run"
            ) from None
        run = RunFolder(path.parent)
        runs.append(Run(job, run.identity(), run.result(), looks))
        if flaw := _flaw(runs[-1]):
            raise UserError(f"{path.parent} is damaged: {flaw}; delete that folder, and the command repeats the run")
    return runs


def _flaw(run: Run) -> str | None:
    """What a finished run lacks of what every report needs."""
    for name in ("eval_mean", "wall_s"):
        value = run.result.get(name)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not np.isfinite(value):
            return f"{name} in its {RESULT} must be a finite number, got {value!r}"
    hardware = ("measurements", "writes", "devices") if run.job.hw != SOFTWARE else ()
    for name in hardware:
        value = run.result.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            return f"{name} in its {RESULT} must be a count, got {value!r}"
    for name in ("timesteps", "mean_reward", "measurements"):
        column = run.looks.get(name, np.array([]))
        if not len(column) or not np.isfinite(column).all():
            return f"{name} in its {EVALUATIONS} must be a column of finite numbers"
    return None


def standings(runs: list[Run]) -> list[Standing]:
    """One line per contender and substrate; then one over all substrates for each contender that ran on all."""
    groups: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        groups.setdefault((run.job.hw, run.job.contender), []).append(run)
    substrates = [hw for hw in dict.fromkeys(hw for hw, _ in groups) if hw != SOFTWARE]
    names = list(dict.fromkeys(run.job.contender for run in runs))
    places = [(hw, name) for hw in [*substrates, SOFTWARE] for name in names if (hw, name) in groups]
    scores = {place: estimate([finals(groups[place])]) for place in places}
    everywhere = [name for name in names if all((hw, name) in groups for hw in substrates)]
    if len(substrates) > 1:
        for name in everywhere:
            places.append((ALL, name))
            groups[ALL, name] = [run for hw in substrates for run in groups[hw, name]]
            scores[ALL, name] = estimate([finals(groups[hw, name]) for hw in substrates])
    overall = ALL if len(substrates) != 1 else substrates[0]
    lines = []
    for hw, name in places:
        rival = scores.get((overall if hw == SOFTWARE else hw, "pib"))
        against = None if name == "pib" or rival is None else verdict(rival, scores[hw, name])
        lines.append(_line(name, hw, groups[hw, name], scores[hw, name], against))
    return lines


def finals(runs: list[Run]) -> np.ndarray:
    """Mean return of the final policy of each run."""
    return np.array([run.result["eval_mean"] for run in runs])


def _line(name: str, hw: str, runs: list[Run], score: Estimate, against: str | None) -> Standing:
    def mean(values: list[Any]) -> float | None:
        return float(np.mean(values)) if values and None not in values else None

    results = [run.result for run in runs]
    writes = [result["writes"] / result["devices"] if result.get("devices") else None for result in results]
    return Standing(
        name,
        hw,
        finals(runs),
        score,
        against,
        float(np.mean([result["wall_s"] for result in results])),
        mean([result.get("measurements") for result in results]),
        mean(writes),
        mean([result.get("energy_j") for result in results]),
    )


def results_csv(runs: list[Run]) -> bytes:
    """One row per run."""
    return _csv(list(ROW), [list(run.row().values()) for run in runs])


def curves_csv(runs: list[Run]) -> bytes:
    """One row per evaluation of every run."""
    rows = [
        [run.job.contender, run.job.hw, run.job.seed, int(steps), reward, int(count)]
        for run in runs
        for steps, reward, count in zip(
            run.looks["timesteps"], run.looks["mean_reward"], run.looks["measurements"], strict=True
        )
    ]
    return _csv(["contender", "hw", "seed", "timesteps", "mean_reward", "measurements"], rows)


def _csv(header: list[str], rows: list[list[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue().encode()


def versions_of(runs: list[Run], folder: ComparisonFolder) -> dict[str, str]:
    """Versions that the runs were made with; several of one package are joined."""
    found: dict[str, dict[str, None]] = {}
    for run in runs:
        for name, version in RunFolder(folder.runs / run.job.name).versions().items():
            found.setdefault(name, {})[version] = None
    return {name: ", ".join(versions) for name, versions in found.items()}
