"""Rows of a study: a CSV file that grows run by run, so that a study that was broken off goes on where it was."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

Row = dict[str, str]


def read(path: Path) -> list[Row]:
    """All rows of a study; none if there is no file yet."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def pick(rows: Iterable[Row], **settings: Any) -> list[Row]:
    """The rows of these settings."""
    return [row for row in rows if all(row[name] == str(value) for name, value in settings.items())]


def column(rows: Iterable[Row], name: str) -> np.ndarray:
    """One column as numbers; what is missing is nan."""
    return np.array([float(row[name] or "nan") for row in rows])


def run_once(path: Path, settings: Mapping[str, Any], run: Callable[[], list[dict[str, Any]]]) -> None:
    """Appends what ``run`` measures, a row per chip behind its ``settings``, unless the file has rows of these."""
    if pick(read(path), **settings):
        return
    measured = [{**settings, **row} for row in run()]
    new = not path.exists()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(measured[0]), lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerows(measured)
    print(" ".join(map(str, settings.values())), "done", flush=True)


def mean_error(values: np.ndarray, digits: int = 0) -> str:
    """Mean and its standard error over chips, as people read it."""
    known = values[~np.isnan(values)]
    if not len(known):
        return "-"
    error = known.std(ddof=1) / math.sqrt(len(known)) if len(known) > 1 else math.nan
    return f"{known.mean():.{digits}f} ± {error:.{digits}f}"


def difference(values: np.ndarray, reference: np.ndarray) -> float:
    """Mean of the differences chip by chip, in their own standard errors; nan where nothing differs."""
    change = values - reference
    error = change.std(ddof=1) / math.sqrt(len(change))
    return float(change.mean() / error) if error > 0 else math.nan
