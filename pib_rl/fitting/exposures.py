"""A measured photon transfer curve in a .csv file, read and checked."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pib_rl.cli.cli import UserError

COLUMNS = ("exposure", "mean_adu", "variance_adu")
PIXEL = "pixel"  # a further column: each pixel has lines of its own
FEWEST, MOST_LINES = 6, 2_000_000  # exposures, lines
LARGEST = 1e12


@dataclass(frozen=True)
class Exposures:
    """Mean and variance of pictures, in the order of their means.

    Attributes:
        source: The file, for messages.
        exposure: Exposure time or light, in any unit, 0 in the dark, shape (points,).
        mean_adu: Mean of a pixel, in ADC codes.
        variance_adu: Its variance from frame to frame, in squared ADC codes.
        pixels: Pixels of which each point is the mean.
    """

    source: Path
    exposure: np.ndarray
    mean_adu: np.ndarray
    variance_adu: np.ndarray
    pixels: int


def header_of(path: Path) -> list[str]:
    """Names of the columns of a .csv file in small letters; UserError if it can't be read, or is empty."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = csv.reader(file)
            found = [name.strip().lower() for name in next(lines, [])]
            if not any(found) and not any(any(line) for line in lines):
                raise UserError(
                    f"{path} is an empty file; its first line names the columns, see python -m pib_rl.fit --help"
                )
            return found
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} can't be read as .csv: {getattr(error, 'strerror', None) or error}") from None


def check_once(header: Sequence[str], names: Sequence[str], path: Path) -> None:
    """Raises UserError if one of ``names`` is that of several columns."""
    twice = next((name for name in names if header.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"{path} has {header.count(twice)} columns {twice}; leave all but one out, or rename them")


def is_photon_transfer(path: Path) -> bool:
    """Whether a .csv file begins with a column of a photon transfer curve."""
    return any(name in COLUMNS for name in header_of(path))


def read_exposures(path: Path) -> Exposures:
    """The curve in a .csv file with the columns `COLUMNS`, and ``pixel`` where there are several; others are ignored.

    With ``pixel``, means and variances of all pixels of one exposure are averaged: each pixel has an offset of its own,
    and none of the differences between pixels is noise.

    Raises:
        UserError: If it can't be read, a column is missing, a value is none, or there is too little.
    """
    header = header_of(path)
    if missing := [name for name in COLUMNS if name not in header]:
        raise UserError(
            f"{path} must begin with the names of its columns, {','.join(COLUMNS)}: {', '.join(missing)} is missing, "
            f"got {','.join(header):.120}"
        )
    check_once(header, (*COLUMNS, PIXEL), path)
    places = [header.index(name) for name in COLUMNS]
    rows = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = csv.reader(file)
            next(lines)
            for number, line in enumerate(lines, 2):
                if number > MOST_LINES:
                    raise UserError(f"{path} has more than {MOST_LINES} lines; average pixels")
                if any(cell.strip() for cell in line):
                    rows.append(_row(line, places, f"{path}: line {number}"))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} can't be read as .csv: {getattr(error, 'strerror', None) or error}") from None
    table = np.array(rows).reshape(-1, len(COLUMNS))
    pixels = 1
    if PIXEL in header and len(table):
        exposures, place = np.unique(table[:, 0], return_inverse=True)
        counts = np.bincount(place)
        if len(set(counts.tolist())) > 1:
            raise UserError(
                f"{path}: every exposure needs the same pixels, got {counts.min()} to {counts.max()} of them; leave "
                "incomplete ones out"
            )
        pixels = int(counts[0])
        columns = (np.bincount(place, table[:, column]) / counts for column in (1, 2))
        table = np.stack([exposures, *columns], 1)
    if len(table) < FEWEST:
        raise UserError(f"{path} has {len(table)} exposures, and {FEWEST} are the fewest; measure more")
    if np.ptp(table[:, 0]) == 0:
        raise UserError(
            f"{path}: exposure must differ from line to line, got {table[0, 0]:g} throughout; measure from dark to full"
        )
    if table[:, 1].max() < 1:
        raise UserError(
            f"{path}: mean_adu must be in ADC codes, got at most {table[:, 1].max():.3g}; if these are fractions of "
            "the full scale, multiply the means by its codes, and the variances by their square"
        )
    table = table[table[:, 1].argsort(kind="stable")]
    return Exposures(path, table[:, 0], table[:, 1], table[:, 2], pixels)


def _row(line: list[str], places: list[int], where: str) -> tuple[float, ...]:
    found = []
    for name, place in zip(COLUMNS, places, strict=True):
        text = line[place].strip() if place < len(line) else ""
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not abs(value) <= LARGEST or (value < 0 and name != "mean_adu"):
            least = "a finite number" if name == "mean_adu" else "a finite number, 0 or more"
            raise UserError(f"{where}: {name} must be {least}, got {text!r:.60}; leave the line out")
        found.append(value)
    return tuple(found)
