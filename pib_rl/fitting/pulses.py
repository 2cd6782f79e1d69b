"""Measured pulses in a .csv file, read and checked."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pib_rl.cli.cli import UserError
from pib_rl.fitting.exposures import check_once

COLUMNS = ("device", "cycle", "pulse", "direction")
UNITS = {"conductance_us": 1.0, "conductance_s": 1e6}  # columns of conductances, and microsiemens of their unit
LARGEST_US, SMALLEST_US = 1e6, 1e-4  # of the largest conductance: 1 S, and 0.1 nS
DEVICES, CYCLES, READINGS = 2, 2, 8  # fewest: of the data, of each device, of each cycle
MOST_LINES = 5_000_000


@dataclass(frozen=True)
class Sequence:
    """The readings of one device in one cycle, in the order of its pulses.

    Attributes:
        device: Name of the device.
        cycle: Name of the cycle.
        pulses: Pulses sent before each reading since the one before it, shape (readings,).
        up: Whether they went upwards.
        conductance_us: What was read after them, in microsiemens.
    """

    device: str
    cycle: str
    pulses: np.ndarray
    up: np.ndarray
    conductance_us: np.ndarray


def read_pulses(path: Path) -> list[Sequence]:
    """The sequences of a .csv file with the columns `COLUMNS` and one of `UNITS`; other columns are ignored.

    Pulse numbers rise within a cycle. A gap stands for pulses after which nothing was read.

    Raises:
        UserError: If the file can't be read, a column is missing, a value is none, or there is too little.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = csv.reader(file)
            header = [name.strip().lower() for name in next(lines, [])]
            _check_commas(header, path)
            places, factor = _places(header, path)
            rows: dict[tuple[str, str], list[tuple[int, int, float]]] = {}
            for number, line in enumerate(lines, 2):
                if number > MOST_LINES:
                    raise UserError(f"{path} has more than {MOST_LINES} lines; leave out readings between pulses")
                if len(line) > len(header) and any(cell.strip() for cell in line[len(header) :]):
                    raise UserError(
                        f"{path}: line {number} has {len(line)} cells under {len(header)} names: {','.join(line):.60}; "
                        "write numbers with a decimal point, and a name for each column"
                    )
                if any(cell.strip() for cell in line):
                    key, row = _row(line, places, factor, f"{path}: line {number}")
                    rows.setdefault(key, []).append(row)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} can't be read as .csv: {getattr(error, 'strerror', None) or error}") from None
    found = [_sequence(key, readings, path) for key, readings in rows.items()]
    _check(found, path, "conductance_s" in places)
    return found


def _check_commas(header: list[str], path: Path) -> None:
    """Raises UserError where the columns are separated by something else."""
    if len(header) == 1 and (found := next((mark for mark in ";\t|" if mark in header[0]), None)):
        name = "tabs" if found == "\t" else f"{found!r}"
        raise UserError(
            f"{path} separates its columns by {name}; separate them by commas, and write numbers with a decimal point"
        )


def _places(header: list[str], path: Path) -> tuple[dict[str, int], float]:
    wanted = f"{','.join(COLUMNS)} and conductance_us (or conductance_s)"
    check_once(header, (*COLUMNS, *UNITS), path)
    missing = [name for name in COLUMNS if name not in header]
    units = [name for name in UNITS if name in header]
    if missing or len(units) != 1:
        what = f"{', '.join(missing)} is missing" if missing else f"{len(units) or 'no'} columns of conductance"
        raise UserError(
            f"{path} must begin with the names of its columns, {wanted}: {what}, got {','.join(header):.120}"
        )
    return {name: header.index(name) for name in (*COLUMNS, units[0])}, UNITS[units[0]]


def _row(
    line: list[str], places: Mapping[str, int], factor: float, where: str
) -> tuple[tuple[str, str], tuple[int, int, float]]:
    cells = {name: line[place].strip() if place < len(line) else "" for name, place in places.items()}
    unit = next(name for name in UNITS if name in places)
    value, pulse = _number(cells[unit]), _number(cells["pulse"])
    if not (math.isfinite(value) and value >= 0):
        raise UserError(
            f"{where}: {unit} must be a finite number, 0 or more, got {cells[unit]!r:.60}; "
            + ("write it with a decimal point" if "," in cells[unit] else "leave the line out")
        )
    if not (pulse >= 0 and pulse.is_integer()):
        raise UserError(f"{where}: pulse must be a whole number, 0 or more, got {cells['pulse']!r}")
    if cells["direction"] not in ("1", "+1", "-1", "1.0", "-1.0"):
        raise UserError(f"{where}: direction must be 1 (up) or -1 (down), got {cells['direction']!r}")
    for name in ("device", "cycle"):
        if not cells[name]:
            raise UserError(f"{where}: {name} must be a name or a number, got nothing")
    return (cells["device"], cells["cycle"]), (int(pulse), int(float(cells["direction"])), value * factor)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _sequence(key: tuple[str, str], rows: list[tuple[int, int, float]], path: Path) -> Sequence:
    numbers = np.array([row[0] for row in rows])
    gaps = np.diff(numbers)
    if (gaps <= 0).any():
        at = int(np.argmax(gaps <= 0)) + 1
        raise UserError(
            f"{path}: device {key[0]}, cycle {key[1]}: pulse numbers must rise from line to line, got {numbers[at]} "
            f"after {numbers[at - 1]}; number the pulses of a cycle throughout, whatever their direction"
        )
    return Sequence(
        *key,
        pulses=np.concatenate([[1], gaps]).astype(float),
        up=np.array([row[1] > 0 for row in rows]),
        conductance_us=np.array([row[2] for row in rows]),
    )


def _check(found: list[Sequence], path: Path, siemens: bool) -> None:
    """Raises UserError where there is too little to fit, or the unit can't be right."""
    cycles: dict[str, int] = {}
    for one in found:
        cycles[one.device] = cycles.get(one.device, 0) + 1
        if len(one.pulses) < READINGS:
            raise UserError(
                f"{path}: device {one.device}, cycle {one.cycle} has {len(one.pulses)} readings, and {READINGS} are "
                "the fewest; measure more pulses, or leave the cycle out"
            )
    if len(cycles) < DEVICES:
        raise UserError(
            f"{path} must hold {DEVICES} devices or more, got {len(cycles)}: how devices differ is part of the fit; "
            "measure another"
        )
    few = next((name for name, count in cycles.items() if count < CYCLES), None)
    if few is not None:
        raise UserError(
            f"{path}: device {few} has {cycles[few]} cycle, and {CYCLES} are the fewest: a law is judged on a cycle "
            "that it was not fitted to; measure another, or leave the device out"
        )
    largest = max(float(np.abs(one.conductance_us).max()) for one in found)
    if not SMALLEST_US <= largest <= LARGEST_US:
        column, other = ("conductance_s", "conductance_us") if siemens else ("conductance_us", "conductance_s")
        shown = f"{largest / UNITS[column]:.3g} {'S' if siemens else 'uS'}"
        raise UserError(
            f"{path}: the largest conductance is {shown}, which no memristive device has (expected {SMALLEST_US:g} to "
            f"{LARGEST_US:g} uS); if the unit is another, name the column {other}"
        )
