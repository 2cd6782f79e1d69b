"""What a training of a wafer leaves behind: returns of every chip, on the way and at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pib_rl.agents.network.costs import chip_costs
from pib_rl.agents.policy import PIBPolicy
from pib_rl.figures.yields import WaferScores
from pib_rl.physical.faults import KINDS, Fault
from pib_rl.runs.folder import RunFolder
from pib_rl.runs.wafer import chip_rows, fault_sizes, save_wafer, wafer_metrics
from pib_rl.training.callbacks import Evaluation
from pib_rl.training.config import TrainConfig


@dataclass(frozen=True)
class Wafer:
    """The chips of a wafer after their training.

    Args:
        config: The run.
        evaluations: What they reached on the way.
        returns: Final returns by their name in the run's result (``eval_mean``, ``best_eval_mean``, both with
            ``_noiseless`` for mean reads too), shape (chips, episodes) each.
        threshold: Mean return that counts as solved, or None.
        faults: What broke.
    """

    config: TrainConfig
    evaluations: Evaluation
    returns: Mapping[str, np.ndarray]
    threshold: float | None
    faults: Sequence[Fault] = ()

    def scores(self) -> WaferScores:
        """As figures take them."""
        kind, sizes = next(iter(self._sizes.items()), ("", None))
        return WaferScores(
            self._last.mean(1),
            np.array([point.timesteps for point in self.evaluations.points]),
            np.array(self.evaluations.each),
            "greedy return",
            "environment steps of each chip",
            self.threshold,
            sizes,
            f"{kind}: {KINDS[kind].size}" if kind else "",
        )

    def metrics(self) -> dict[str, Any]:
        """Fields of the run's result."""
        scores = self.scores()
        solved = None if self.threshold is None else float((scores.final >= self.threshold).mean())
        return wafer_metrics(scores) | {"chips_solved": solved}

    def rows(self, policy: PIBPolicy) -> list[dict[str, Any]]:
        """chips.csv: one row per chip."""
        columns = {
            **self._sizes,
            "eval_std": self._last.std(1),
            **{name: values.mean(1) for name, values in self.returns.items()},
            "solved_at_step": self._solved_at(),
            **chip_costs(policy.model),
        }
        return chip_rows(self.config.seed, len(self._last), columns)

    def save(self, folder: RunFolder, policy: PIBPolicy) -> None:
        """Writes chips.csv, chip_curves.csv and yield.png into the run folder."""
        save_wafer(folder, self.rows(policy), self.scores(), "step", self.config.title)

    @property
    def _last(self) -> np.ndarray:
        return self.returns["eval_mean"]

    @property
    def _sizes(self) -> dict[str, np.ndarray]:
        return fault_sizes(self.faults, len(self._last))

    def _solved_at(self) -> list[int | None]:
        """Step of the first evaluation that solved the task, of each chip."""
        found: list[int | None] = [None] * len(self._last)
        for point, means in zip(self.evaluations.points, self.evaluations.each, strict=True):
            for chip in np.flatnonzero(means >= (np.inf if self.threshold is None else self.threshold)):
                found[chip] = point.timesteps if found[chip] is None else found[chip]
        return found
