"""What learning on a wafer leaves behind: chips.csv, yield.png, and how the worst chip fared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pib_rl.agents.network.costs import chip_costs
from pib_rl.agents.network.model import PhysicalModel
from pib_rl.figures.curves import as_png
from pib_rl.figures.yields import WaferScores, yield_figure
from pib_rl.learning.config import LearnConfig
from pib_rl.physical.faults import Fault, parse_all
from pib_rl.runs.folder import RunFolder

CHIPS, CURVES, YIELD = "chips.csv", "chip_curves.csv", "yield"


@dataclass(frozen=True)
class Wafer:
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
    def sizes(self) -> dict[str, list[float]]:
        """Sizes of those faults whose size differs from chip to chip, by kind."""
        spread = [fault for fault in parse_all(self.config.fault) if fault.last is not None]
        return {fault.kind: self._each(fault) for fault in spread}

    def metrics(self) -> dict[str, Any]:
        """Fields of the run's result."""
        return {
            "chips": len(self.final),
            "chips_median": float(np.median(self.final)),
            "worst_chip": int(self.final.argmin()),
            "worst_chip_mean": float(self.final.min()),
        }

    def rows(self, model: PhysicalModel) -> list[dict[str, Any]]:
        """chips.csv: one row per chip."""
        columns: dict[str, Any] = {**self.sizes, **self.scores, **chip_costs(model)}
        return [
            {"chip": chip, "seed": self.config.seed + chip}
            | {name: float(values[chip]) for name, values in columns.items()}
            for chip in range(len(self.final))
        ]

    def save(self, folder: RunFolder, model: PhysicalModel) -> None:
        """Writes chips.csv, chip_curves.csv and yield.png into the run folder."""
        folder.save_rows(CHIPS, self.rows(model))
        curves = enumerate(self.curves.tolist(), 1)
        folder.save_rows(
            CURVES, [{"epoch": epoch} | {f"chip{k}": v for k, v in enumerate(row)} for epoch, row in curves]
        )
        folder.save_picture(YIELD, as_png(yield_figure(self.figure_scores(), self.config.title)))

    def figure_scores(self) -> WaferScores:
        """As figures take them, in percent."""
        name, severity = next(iter(self.sizes.items()), ("", None))
        return WaferScores(
            100 * self.final,
            np.arange(1, len(self.curves) + 1),
            100 * self.curves,
            f"{self.scored} [%]",
            "epochs",
            severity=None if severity is None else np.array(severity),
            severity_name=name,
        )

    def _each(self, fault: Fault) -> list[float]:
        chips = len(self.final)
        return [fault.of_chip(chip, chips).size for chip in range(chips)]
