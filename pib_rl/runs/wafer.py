"""What a run on a wafer leaves behind, whatever its chips learned from: chips.csv, chip_curves.csv and yield.png."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from pib_rl.figures.curves import as_png
from pib_rl.figures.yields import WaferScores, yield_figure
from pib_rl.physical.faults import Fault
from pib_rl.runs.folder import RunFolder

CHIPS, CURVES, YIELD = "chips.csv", "chip_curves.csv", "yield"


def wafer_metrics(scores: WaferScores) -> dict[str, Any]:
    """Fields of the run's result."""
    return {
        "chips": len(scores.final),
        "chips_median": float(np.median(scores.final)),
        "worst_chip": scores.worst,
        "worst_chip_mean": float(scores.final.min()),
    }


def fault_sizes(faults: Iterable[Fault], chips: int) -> dict[str, np.ndarray]:
    """Sizes of those faults whose size differs from chip to chip, by kind, shape (chips,) each."""
    return {
        fault.kind: np.array([fault.of_chip(chip, chips).size for chip in range(chips)])
        for fault in faults
        if fault.last is not None
    }


def chip_rows(seed: int, chips: int, columns: Mapping[str, Sequence[Any] | np.ndarray]) -> list[dict[str, Any]]:
    """chips.csv: one row per chip, with its seed and its value of each column; None is an empty place."""
    return [
        {"chip": chip, "seed": seed + chip}
        | {name: None if values[chip] is None else float(values[chip]) for name, values in columns.items()}
        for chip in range(chips)
    ]


def save_wafer(
    folder: RunFolder,
    rows: list[dict[str, Any]],
    scores: WaferScores,
    step: str,
    title: str,
    shown: WaferScores | None = None,
) -> None:
    """Writes chips.csv, chip_curves.csv and yield.png into the run folder.

    Args:
        folder: The run folder.
        rows: As `chip_rows` gives them.
        scores: What the chips reached.
        step: Name of the column of ``scores.steps``.
        title: Of the picture.
        shown: The same scores as the picture shows them, where that is in another unit.
    """
    folder.save_rows(CHIPS, rows)
    curves = zip(scores.steps.tolist(), scores.curves.tolist(), strict=True)
    folder.save_rows(CURVES, [{step: at} | {f"chip{k}": value for k, value in enumerate(row)} for at, row in curves])
    folder.save_picture(YIELD, as_png(yield_figure(shown or scores, title)))
