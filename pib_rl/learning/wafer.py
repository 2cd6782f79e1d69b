"""What learning on a wafer leaves behind: scores of every chip, on the way and at the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pib_rl.agents.network.costs import chip_costs
from pib_rl.agents.network.model import PhysicalModel
from pib_rl.figures.yields import WaferScores
from pib_rl.learning.config import LearnConfig
from pib_rl.physical.faults import KINDS, parse_all
from pib_rl.runs.folder import RunFolder
from pib_rl.runs.wafer import chip_rows, fault_sizes, save_wafer, wafer_metrics


@dataclass(frozen=True)
class LearningWafer:
    """The chips of a wafer after they learned.

    Args:
        config: The run.
        scored: What a score is, as a label.
        curves: Score of each chip on validation samples after each epoch, shape (epochs, chips).
        scores: Final scores of each chip by name, shape (chips,) each; the first one is what chips are judged by.
    """

    config: LearnConfig
    scored: str
    curves: np.ndarray
    scores: dict[str, np.ndarray]

    @property
    def final(self) -> np.ndarray:
        """What chips are judged by, shape (chips,)."""
        return next(iter(self.scores.values()))

    @property
    def sizes(self) -> dict[str, np.ndarray]:
        """Sizes of those faults whose size differs from chip to chip, by kind."""
        return fault_sizes(parse_all(self.config.fault), len(self.final))

    def metrics(self) -> dict[str, Any]:
        """Fields of the run's result."""
        return wafer_metrics(self.wafer_scores())

    def rows(self, model: PhysicalModel) -> list[dict[str, Any]]:
        """chips.csv: one row per chip."""
        columns = {**self.sizes, **self.scores, **chip_costs(model)}
        return chip_rows(self.config.seed, len(self.final), columns)

    def save(self, folder: RunFolder, model: PhysicalModel) -> None:
        """Writes chips.csv and chip_curves.csv, and yield.png in percent, into the run folder."""
        scores, shown = self.wafer_scores(), self.wafer_scores(100)
        save_wafer(folder, self.rows(model), scores, "epoch", self.config.title, shown)

    def wafer_scores(self, factor: float = 1.0) -> WaferScores:
        """Final scores and curves, times ``factor``: 1, or 100 for percent, as figures show them."""
        kind, sizes = next(iter(self.sizes.items()), ("", None))
        return WaferScores(
            factor * self.final,
            np.arange(1, len(self.curves) + 1),
            factor * self.curves,
            f"{self.scored} [%]",
            "epochs",
            severity=sizes,
            severity_name=f"{kind}: {KINDS[kind].size}" if kind else "",
        )
