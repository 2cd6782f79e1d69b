"""How a modulator answers: its phase at each grey level, as a user measured it."""

from __future__ import annotations

import csv
import itertools
import math
import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from pib_rl.common.arithmetic import tanh_
from pib_rl.common.options import shown

COLUMNS = ("grey_level", "phase_rad")
FEWEST, MOST = 2, 4096  # points
HIGHEST = 2**16 - 1  # grey level
LARGEST = 1e3  # radians
DEGREES = 60.0  # a range from which on it is no phase in radians: nearly ten wavelengths
FLAT = 1e-6  # radians


class ResponseCurve:
    """phase(g) with straight lines between measured points, relative to the grey level in the middle of the range.

    A drive asks for g = middle + half tanh(gain drive), rounded to a whole grey level, and gets
    phase(g) - phase(middle): reference pixels stay at the middle.

    Args:
        levels: Grey levels of the points, whole numbers 0..65535 that rise, shape (points,).
        phases: Phases measured there, in radians, shape (points,); no step of pi or more from one to the next.

    Raises:
        ValueError: If they are something else.
    """

    def __init__(self, levels: Sequence[int], phases: Sequence[float]) -> None:
        _check(levels, phases)
        self.levels, self.phases = tuple(levels), tuple(float(one) for one in phases)
        self._first, last = levels[0], levels[-1]
        points = torch.tensor(levels, dtype=torch.float64)
        every = torch.arange(self._first, last + 1, dtype=torch.float64)
        above = torch.searchsorted(points, every).clamp(1, len(points) - 1)
        low, high = points[above - 1], points[above]
        values = torch.tensor(self.phases, dtype=torch.float64)
        table = torch.lerp(values[above - 1], values[above], (every - low) / (high - low))
        self._half = (last - self._first) / 2
        self._table = (table - table[round(self._half)]).float()

    @property
    def monotone(self) -> bool:
        """Whether phases rise throughout, or fall throughout; equal neighbours count as both."""
        steps = [after - before for before, after in itertools.pairwise(self.phases)]
        return all(step >= 0 for step in steps) or all(step <= 0 for step in steps)

    def phase(self, drive: Tensor, gain: float, exact: bool) -> Tensor:
        """Phases in radians for drives of any shape; ``exact`` without rounding to grey levels."""
        table = self._table.to(drive.device)
        place = tanh_(drive * gain).mul_(self._half).add_(self._half)
        if not exact:
            return table[place.round_().long()]
        below = place.floor().clamp_(max=len(table) - 2)
        index = below.long()
        return torch.lerp(table[index], table[index + 1], place - below)

    def plain(self) -> dict[str, list[float]]:
        """The points, by the names of the columns."""
        return {COLUMNS[0]: list(self.levels), COLUMNS[1]: list(self.phases)}


def _check(levels: Sequence[int], phases: Sequence[float]) -> None:
    if not FEWEST <= len(levels) <= MOST or len(levels) != len(phases):
        raise ValueError(f"the response of a modulator needs {FEWEST}..{MOST} points, got {len(levels)}; thin them out")
    for level in levels:
        if type(level) is not int or not 0 <= level <= HIGHEST:
            raise ValueError(f"grey_level must be a whole number in 0..{HIGHEST}, got {shown(level)}")
    for phase in phases:
        if isinstance(phase, bool) or not isinstance(phase, (int, float)) or not abs(phase) <= LARGEST:
            raise ValueError(f"phase_rad must be a number of at most {LARGEST:g} in size, got {shown(phase)}")
    for before, after in itertools.pairwise(levels):
        if after <= before:
            raise ValueError(f"grey_level must rise from line to line, got {after} after {before}")
    span = max(phases) - min(phases)
    if span >= DEGREES:
        raise ValueError(
            f"phase_rad spans {span:.4g}, which looks like degrees, and radians are wanted; multiply the phases by "
            "pi/180"
        )
    if span < FLAT:
        raise ValueError(
            f"phase_rad is {phases[0]:.4g} at all grey levels, so that the modulator does nothing; measure it again"
        )
    for level, (earlier, later) in zip(levels[1:], itertools.pairwise(phases), strict=True):
        if abs(later - earlier) >= math.pi:
            raise ValueError(
                f"phase_rad goes from {earlier:.3g} to {later:.3g} at grey_level {level}, by pi or more; unwrap the "
                "phases (numpy.unwrap), or measure more levels"
            )


def read_response(path: Path) -> ResponseCurve:
    """The curve in a .csv file with the columns `COLUMNS`; others are ignored. Warns where it is not monotone.

    Raises:
        ValueError: If it can't be read or holds no such curve. The message names the file.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = csv.DictReader(file)
            header = [str(name).strip().lower() for name in lines.fieldnames or []]
            lines.fieldnames = header
            if twice := [name for name in COLUMNS if header.count(name) > 1]:
                raise ValueError(f"it has several columns {twice[0]}; leave all but one out")
            if missing := [name for name in COLUMNS if name not in header]:
                raise ValueError(
                    f"it must begin with the names of its columns, {','.join(COLUMNS)}: {', '.join(missing)} is "
                    f"missing, got {','.join(header):.60}"
                )
            rows: list[tuple[int, float]] = []
            for number, line in enumerate(lines, 2):
                if len(rows) == MOST:
                    raise ValueError(f"it has more than {MOST} points; thin them out")
                rows.append(_point(line, number))
        curve = ResponseCurve([level for level, _ in rows], [phase for _, phase in rows])
    except (OSError, UnicodeDecodeError, csv.Error, ValueError) as error:
        raise ValueError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    if not curve.monotone:
        warnings.warn(
            f"{path}: phase_rad neither rises nor falls throughout; it is taken as it is. If that is noise, smooth it",
            UserWarning,
            stacklevel=2,
        )
    return curve


def _point(line: dict[str, str | None], number: int) -> tuple[int, float]:
    values = []
    for name in COLUMNS:
        text = line.get(name)
        try:
            values.append(float(text or ""))
        except ValueError:
            raise ValueError(f"line {number}: {name} must be a number, got {shown(text)}") from None
    level, phase = values
    if not (level.is_integer() and math.isfinite(phase)):
        raise ValueError(f"line {number}: grey_level must be whole and phase_rad finite, got {level:g},{phase:g}")
    return int(level), phase
