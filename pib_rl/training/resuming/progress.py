"""Where a run is, beside its agent: evaluations, faults, time, and its log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import CSVOutputFormat, Logger

from pib_rl.physical.faults import Fault
from pib_rl.runs.folder import EvaluationPoint
from pib_rl.training.callbacks import Clock, Evaluation, FaultSchedule

PROGRESS = "progress.csv"
PENDING = ("name_to_value", "name_to_count", "name_to_excluded")  # of a logger: what the next line will hold


def run_state(model: BaseAlgorithm, callbacks: Sequence[BaseCallback], folder: Path) -> dict[str, Any]:
    """Where a run is at the start of a rollout, as `flatten_state` takes it."""
    state: dict[str, Any] = {"pending": {name: dict(getattr(model.logger, name)) for name in PENDING}}
    log = folder / PROGRESS
    state["log"] = log.read_text(encoding="utf-8") if log.exists() else ""
    for one in callbacks:
        if isinstance(one, Evaluation):
            state["evaluation"] = {
                "waiting": list(one.waiting),
                "best": float(one.best) if one.points else None,
                "solved_at": one.solved_at,
                "points": [point._asdict() for point in one.points],
                "each": list(one.each),
            }
        elif isinstance(one, Clock):
            state["aged_s"] = one.aged_s
        elif isinstance(one, FaultSchedule):
            state["faults"] = {name: [asdict(fault) for fault in getattr(one.plan, name)] for name in FAULTS}
    return state


FAULTS = ("ahead", "happened")


def load_run_state(state: dict[str, Any], logger: Logger, callbacks: Sequence[BaseCallback]) -> None:
    """Goes on from a `run_state`, with callbacks that were made in the same way, and a fresh logger."""
    for name in PENDING:
        getattr(logger, name).update(state["pending"][name])
    for output in logger.output_formats:
        if isinstance(output, CSVOutputFormat):
            output.file.write(state["log"])
            output.file.flush()
            output.keys = state["log"].partition("\n")[0].split(",") if state["log"] else []
    for one in callbacks:
        if isinstance(one, Evaluation):
            found = state["evaluation"]
            one.waiting.clear()
            one.waiting.extend(found["waiting"])
            one.points = [EvaluationPoint(**point) for point in found["points"]]
            one.each, one.solved_at = found["each"], found["solved_at"]
            one.best = one.best if found["best"] is None else found["best"]
        elif isinstance(one, Clock):
            one.aged_s = state["aged_s"]
        elif isinstance(one, FaultSchedule):
            for name in FAULTS:
                getattr(one.plan, name)[:] = [Fault(**fault) for fault in state["faults"][name]]
