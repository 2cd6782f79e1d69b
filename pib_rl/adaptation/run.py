"""Runs of `python -m pib_rl.adapt`: one learner after the other goes on from the same broken chip."""

from __future__ import annotations

from typing import Any

from pib_rl.adaptation import figures
from pib_rl.adaptation.config import AdaptConfig
from pib_rl.adaptation.encoders import EncoderRecovery
from pib_rl.adaptation.estimators import EstimatorRecovery
from pib_rl.adaptation.policies import PolicyRecovery
from pib_rl.adaptation.recovery import RecoveryCurve, RecoveryRun
from pib_rl.cli.cli import UserError
from pib_rl.figures import curves as plots
from pib_rl.learning.run import TARGETS
from pib_rl.runs.folder import RunFolder
from pib_rl.runs.result import ADAPT, VIEWS, RunResult


def open_run(config: AdaptConfig) -> RecoveryRun:
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
    target = settings.get("target")
    if target not in TARGETS:
        raise UserError(f"{origin.path} is of an unknown target, {target!r}; known: {', '.join(TARGETS)}")
    kind = EncoderRecovery if target == VIEWS else EstimatorRecovery
    return kind(config, origin, settings)


def adapt(run: RecoveryRun, folder: RunFolder) -> None:
    """Lets one learner after the other go on, and fills the folder; a stop leaves what is there, for --resume."""
    recoveries: dict[str, RecoveryCurve] = {}
    for name in run.learners:
        recoveries[name] = run.learn_on(name, folder.path / name)
        rows = [
            {"learner": learner, run.unit.replace(" ", "_"): at, "performance": performance}
            for learner, recovery in recoveries.items()
            for at, performance in recovery.curve
        ]
        folder.save_rows("progress.csv", rows)
        title = f"{plots.literal(run.run.path.resolve().name)} after {', '.join(run.config.fault)}"
        figure = figures.recovery_figure(recoveries, run.held_before, run.unit, run.scored, title, run.percent)
        folder.save_picture("adapt", plots.as_png(figure))
    learned: dict[str, Any] = run.origin
    folder.save_result(
        RunResult(
            kind=ADAPT,
            run=str(run.config.run),
            faults=list(run.config.fault),
            chip=run.chip if run.wafer else None,
            adapt_seed=run.config.seed,
            unit=run.unit,
            length=run.length,
            scored=run.scored,
            percent=run.percent,
            before=run.before,
            after=run.after,
            after_old_probe=run.after_old_probe,
            curve_before=run.held_before,
            learners={name: recovery.plain() for name, recovery in recoveries.items()},
            **learned,
        )
    )
