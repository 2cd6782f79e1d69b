"""What a training of a wafer leaves behind: chips.csv, yield.png, and how the worst chip fared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pib_rl.agents.network.costs import chip_costs
from pib_rl.agents.policy import PIBPolicy
from pib_rl.figures.curves import as_png
from pib_rl.figures.yields import WaferScores, yield_figure
from pib_rl.physical.faults import KINDS, Fault
from pib_rl.runs.folder import RunFolder
from pib_rl.training.callbacks import Evaluation
from pib_rl.training.config import TrainConfig

CHIPS, CURVES, YIELD = "chips.csv", "chip_curves.csv", "yield"


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

    @property
    def spread(self) -> list[Fault]:
        """Faults whose size differs from chip to chip."""
        return [fault for fault in self.faults if fault.last is not None]

    def scores(self) -> WaferScores:
        """As figures take them."""
        severity = self._sizes(self.spread[0]) if self.spread else None
        return WaferScores(
            self._last.mean(1),
            np.array([point.timesteps for point in self.evaluations.points]),
            np.array(self.evaluations.each),
            "greedy return",
            "environment steps of each chip",
            self.threshold,
            severity,
            f"{self.spread[0].kind}: {KINDS[self.spread[0].kind].size}" if self.spread else "",
        )

    def metrics(self) -> dict[str, Any]:
        """Fields of the run's result."""
        scores = self.scores()
        solved = None if self.threshold is None else float((scores.final >= self.threshold).mean())
        return {
            "chips": len(scores.final),
            "chips_solved": solved,
            "chips_median": float(np.median(scores.final)),
            "worst_chip": scores.worst,
            "worst_chip_mean": float(scores.final.min()),
        }

    def rows(self, policy: PIBPolicy) -> list[dict[str, Any]]:
        """chips.csv: one row per chip."""
        costs, solved = chip_costs(policy.model), self._solved_at()
        return [
            {
                "chip": chip,
                "seed": self.config.seed + chip,
                **{fault.kind: float(self._sizes(fault)[chip]) for fault in self.spread},
                "eval_std": float(self._last[chip].std()),
                **{name: float(values[chip].mean()) for name, values in self.returns.items()},
                "solved_at_step": solved[chip],
                **{name: float(values[chip]) for name, values in costs.items()},
            }
            for chip in range(len(self._last))
        ]

    def save(self, folder: RunFolder, policy: PIBPolicy) -> None:
        """Writes chips.csv, chip_curves.csv and yield.png into the run folder."""
        folder.save_rows(CHIPS, self.rows(policy))
        scores = self.scores()
        curves = zip(scores.steps.tolist(), scores.curves.tolist(), strict=True)
        folder.save_rows(CURVES, [{"step": step} | {f"chip{k}": v for k, v in enumerate(row)} for step, row in curves])
        folder.save_picture(YIELD, as_png(yield_figure(scores, self.config.title)))

    @property
    def _last(self) -> np.ndarray:
        return self.returns["eval_mean"]

    def _sizes(self, fault: Fault) -> np.ndarray:
        assert fault.last is not None
        return np.linspace(fault.size, fault.last, len(self._last))

    def _solved_at(self) -> list[int | None]:
        """Step of the first evaluation that solved the task, of each chip."""
        found: list[int | None] = [None] * len(self._last)
        for point, means in zip(self.evaluations.points, self.evaluations.each, strict=True):
            for chip in np.flatnonzero(means >= (np.inf if self.threshold is None else self.threshold)):
                found[chip] = point.timesteps if found[chip] is None else found[chip]
        return found
