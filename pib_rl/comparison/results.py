"""What the finished runs of a comparison measured: rows, curves, and one line per learner and substrate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pib_rl.cli.cli import UserError
from pib_rl.comparison.folder import ComparisonFolder
from pib_rl.comparison.intervals import Estimate, estimate, verdict
from pib_rl.comparison.plan import Job
from pib_rl.figures.curves import read_progress
from pib_rl.runs.folder import EVALUATIONS, RESULT, RunFolder, as_csv
from pib_rl.runs.result import RunResult
from pib_rl.runs.result import means as columns
from pib_rl.training.settings.software import SOFTWARE

ALL = "all"


@dataclass(frozen=True)
class Run:
    """One finished run.

    Args:
        job: What it was.
        settings: Its configuration, as `RunConfig.identity` gives it.
        result: Its result.json.
        evaluations: Its evaluations.csv by column: timesteps, mean_reward, measurements.
    """

    job: Job
    settings: dict[str, Any]
    result: RunResult
    evaluations: dict[str, np.ndarray]


@dataclass(frozen=True)
class Standing:
    """One learner on one substrate, or on all of them together.

    Args:
        learner: Name.
        hw: Substrate, "software", or "all" substrates together.
        finals: Mean return of each run's final policy.
        score: Their interquartile mean.
        against: PIB beside it: "better", "worse", "level", "few runs"; None for PIB itself.
        means: Means over the runs of the columns that the report shows, by name of a `RunResult`; None where a run has
            no such number.
    """

    learner: str
    hw: str
    finals: np.ndarray
    score: Estimate
    against: str | None
    means: dict[str, float | None]


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
            evaluations = read_progress(path)
        except (OSError, ValueError) as error:
            raise UserError(
                f"{path} cannot be read: {error}; delete {path.parent}, and the command repeats the run"
            ) from None
        run = RunFolder(path.parent)
        runs.append(Run(job, run.identity(), run.result("eval_mean", "wall_s"), evaluations))
        if flaw := _flaw(runs[-1]):
            raise UserError(f"{path.parent} is damaged: {flaw}; delete that folder, and the command repeats the run")
    return runs


def _flaw(run: Run) -> str | None:
    """What a finished run lacks of what every report needs."""
    for name in ("measurements", "writes", "devices") if run.job.hw != SOFTWARE else ():
        value = getattr(run.result, name)
        if value is None or value < 0:
            return f"{name} in its {RESULT} must be a count, got {value!r}"
    for name in ("timesteps", "mean_reward", "measurements"):
        column = run.evaluations.get(name, np.array([]))
        if not len(column) or not np.isfinite(column).all():
            return f"{name} in its {EVALUATIONS} must be a column of finite numbers"
    return None


def standings(runs: list[Run]) -> list[Standing]:
    """One line per learner and substrate; then one over all substrates for each learner that ran on all."""
    groups: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        groups.setdefault((run.job.hw, run.job.learner), []).append(run)
    substrates = [hw for hw in dict.fromkeys(hw for hw, _ in groups) if hw != SOFTWARE]
    names = list(dict.fromkeys(run.job.learner for run in runs))
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
        pib = scores.get((overall if hw == SOFTWARE else hw, "pib"))
        against = None if name == "pib" or pib is None else verdict(pib, scores[hw, name])
        lines.append(_line(name, hw, groups[hw, name], scores[hw, name], against))
    return lines


def finals(runs: list[Run]) -> np.ndarray:
    """Mean return of the final policy of each run."""
    return np.array([run.result.eval_mean for run in runs])


def _line(name: str, hw: str, runs: list[Run], score: Estimate, against: str | None) -> Standing:
    means = {}
    for column in columns():
        values = [getattr(run.result, column) for run in runs]
        means[column] = None if None in values else float(np.mean(values))
    return Standing(name, hw, finals(runs), score, against, means)


def results_csv(runs: list[Run]) -> bytes:
    """One row per run."""
    known = [{"learner": run.job.learner, "hw": run.job.hw, "seed": run.job.seed} for run in runs]
    return as_csv([run.result.row() | job for run, job in zip(runs, known, strict=True)])


def curves_csv(runs: list[Run]) -> bytes:
    """One row per evaluation of every run."""
    rows = []
    for run in runs:
        job = {"learner": run.job.learner, "hw": run.job.hw, "seed": run.job.seed}
        for steps, reward, count in zip(
            run.evaluations["timesteps"], run.evaluations["mean_reward"], run.evaluations["measurements"], strict=True
        ):
            rows.append(job | {"timesteps": int(steps), "mean_reward": reward, "measurements": int(count)})
    return as_csv(rows)


def versions_of(runs: list[Run], folder: ComparisonFolder) -> dict[str, str]:
    """Versions that the runs were made with; several of one package are joined."""
    found: dict[str, dict[str, None]] = {}
    for run in runs:
        for name, version in RunFolder(folder.runs / run.job.name).versions().items():
            found.setdefault(name, {})[version] = None
    return {name: ", ".join(versions) for name, versions in found.items()}
