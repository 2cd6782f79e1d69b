"""Data of a .csv file: features, and a label in the last column."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from pib_rl.cli.cli import UserError, note
from pib_rl.learning.data.columns import numbers, values
from pib_rl.learning.data.samples import FEWEST, Data, split
from pib_rl.learning.data.words import MISSING, is_number, read_labels

AUTO, YES, NO = HEADERS = ("auto", "yes", "no")
LEAST_COUNT = 3  # columns whose names count up: fewer may be a sample that happens to

Line = tuple[int, list[str]]  # its number in the file, from 1, and its cells


def read_csv(path: Path, real: bool = False, header: str = AUTO) -> Data:
    """Comma-separated numbers, the label in the last column.

    Args:
        path: The file.
        real: The last column holds real values, not classes.
        header: Whether the first line holds names. By default it does where its features are words, or where it counts
            up (0,1,2,...), as a table without names is often written; then a note says so.

    Raises:
        UserError: If a line has another number of columns, a feature is no number, or something is missing.
    """
    lines = _without_names(_lines(path), path, header)
    if not lines or len(lines[0][1]) < 2:
        raise UserError(f"{path} must hold lines of features and a label, separated by commas")
    for number, row in lines:
        _check_line(number, row, lines[0][1], path)
    samples = np.array([row[:-1] for _, row in lines], dtype=float)
    _look_for_row_numbers(samples, path)
    x, labels = numbers(samples, str(path)), [row[-1].strip() for _, row in lines]
    if not real:
        return split(x, read_labels(labels, f"{path}: the last column, the label of a .csv,"))
    for (number, _), label in zip(lines, labels, strict=True):
        if label.lower() in MISSING:
            raise UserError(f"{path}: {_missing(number, len(lines[0][1]), label)}")
    return split(x, values(np.array(labels), f"{path}: the last column"), real=True)


def _lines(path: Path) -> list[Line]:
    """Lines that are not empty."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return [(number, row) for number, row in enumerate(csv.reader(file), 1) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} can't be read as .csv: {error}") from None


def _without_names(lines: list[Line], path: Path, header: str) -> list[Line]:
    """The lines that are samples."""
    if not lines or header == NO:
        return lines
    cells = [cell.strip() for cell in lines[0][1]]
    if header == YES or _are_words(cells[:-1]):
        return lines[1:]
    if _counts_up(cells) or (cells[0] == "" and _counts_up(cells[1:])):
        note(
            f"{path}: the first line counts up ({','.join(cells[:4])},...) and is taken for names of columns; "
            "--header no makes it a sample"
        )
        return lines[1:]
    return lines


def _are_words(cells: list[str]) -> bool:
    """Whether these are names: no number among them, and not nothing but missing values."""
    return not any(map(is_number, cells)) and any(cell.lower() not in MISSING for cell in cells)


def _counts_up(cells: list[str]) -> bool:
    return len(cells) >= LEAST_COUNT and any(
        cells == [str(place + start) for place in range(len(cells))] for start in (0, 1)
    )


def _check_line(number: int, row: list[str], first: list[str], path: Path) -> None:
    """Raises UserError unless a line has as many columns as the first one, all of them filled with what they need."""
    if len(row) != len(first):
        raise UserError(f"{path}: line {number} has {len(row)} columns, the first one has {len(first)}")
    for column, text in enumerate(row[:-1], 1):
        if text.strip().lower() in MISSING:
            raise UserError(f"{path}: {_missing(number, column, text)}")
        if not is_number(text):
            raise UserError(
                f"{path}: features must be numbers, but line {number}, column {column} is {text!r}"
                f"{' (if that line holds names: --header yes)' if row is first else ''}"
            )
    if not row[-1].strip():
        raise UserError(f"{path}: line {number} has no label in its last column")


def _missing(number: int, column: int, text: str) -> str:
    return f"line {number}, column {column} is {text.strip()!r}, a missing value; fill it in, or leave that line out"


def _look_for_row_numbers(samples: np.ndarray, path: Path) -> None:
    """Notes a first column that only counts the lines."""
    column = samples[:, 0]
    if len(column) >= FEWEST and samples.shape[1] > 1 and column[0] in (0, 1) and (np.diff(column) == 1).all():
        note(
            f"{path}: the first column counts the lines and is learned from as a feature; where lines are sorted it "
            "gives their label away: leave it out unless it was measured"
        )
