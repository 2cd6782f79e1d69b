"""A trained wafer taken apart: each chip gets a run folder, as if it had been trained alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pib_rl.agents.network.costs import costs
from pib_rl.agents.network.wafer import chip_state
from pib_rl.cli.cli import UserError, mistakes
from pib_rl.figures.curves import read_progress
from pib_rl.runs.folder import BEST, LAST, EvaluationPoint, RunFolder, load_into
from pib_rl.runs.result import RunResult
from pib_rl.runs.wafer import CHIPS, CURVES
from pib_rl.training.config import TrainConfig
from pib_rl.training.loop import close
from pib_rl.training.run import build

OF_A_WAFER = ("chips", "chips_solved", "chips_median", "worst_chip", "worst_chip_mean")  # results that no chip has
OF_A_CHIP = ("eval_mean", "eval_std", "eval_mean_noiseless", "best_eval_mean", "best_eval_mean_noiseless")


def split(wafer: RunFolder, chips: Sequence[TrainConfig]) -> None:
    """Writes a run folder for each chip: config.yaml, both policies, evaluations.csv and result.json.

    The best checkpoint of each chip is the wafer's, the best on the mean of its chips. ``wall_s`` is the chip's share
    of the wafer's time. Log and pictures stay the wafer's.

    Args:
        wafer: The finished run of a wafer.
        chips: What the run of each chip alone would be, in order, with the folder to make as ``out``.

    Raises:
        UserError: If files of the wafer are missing or broken, or do not fit.
    """
    whole = wafer.result("chips", "wall_s", *OF_A_CHIP)
    table, curves, points = _columns(wafer, CHIPS), _columns(wafer, CURVES), wafer.evaluations()
    if whole.chips != len(chips) or len(table["chip"]) != len(chips) or len(curves["step"]) != len(points):
        raise UserError(f"{wafer.path} must be a run of {len(chips)} chips, with a row for each in {CHIPS}")
    with mistakes(RuntimeError):
        model = build(chips[0])
    close(model)
    shapes = model.policy.state_dict()
    states = {name: wafer.load_policy(name) for name in (BEST, LAST)}
    for number, config in enumerate(chips):
        folder = RunFolder.create(config)
        for name, state in states.items():
            own = chip_state(state, shapes, number)
            load_into(model.policy, own, wafer.path / name)
            folder.save_policy(own, name)
        seen = zip(points, curves[f"chip{number}"].tolist(), strict=True)
        folder.save_evaluations(
            [EvaluationPoint(point.timesteps, mean, point.measurements // len(chips)) for point, mean in seen]
        )
        row = {name: float(values[number]) for name, values in table.items()}
        folder.save_result(replace(_own(whole, row, config, len(chips)), **costs(model.policy.model)))


def _columns(wafer: RunFolder, name: str) -> dict[str, np.ndarray]:
    """Columns of a table of the wafer."""
    path = wafer.path / name
    try:
        return read_progress(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {error}; make the wafer again") from None


def _own(whole: RunResult, row: dict[str, float], config: TrainConfig, chips: int) -> RunResult:
    """The result of one chip, costs left aside, from that of the wafer and a row of its table."""
    assert whole.wall_s is not None
    solved = row["solved_at_step"]
    own: dict[str, Any] = {name: row[name] for name in OF_A_CHIP} | dict.fromkeys(OF_A_WAFER)
    return replace(
        whole,
        seed=config.seed,
        solved_at_step=None if np.isnan(solved) else int(solved),
        wall_s=round(whole.wall_s / chips, 3),
        wafer_seed=whole.seed,
        wafer_chips=chips,
        **own,
    )
