"""The device of a fitted law: the parameters that a simulation takes."""

from __future__ import annotations

import numpy as np

from pib_rl.fitting.estimate import FittedLaw
from pib_rl.fitting.laws import POINTS
from pib_rl.fitting.population import Known, population
from pib_rl.fitting.tracks import SPAN, Tracks

LOG_NORMAL = 0.4  # relative spread of steps from which on they are taken to be log-normal
Table = dict[str, Known | list[Known]]


class FitReader:
    """Values and covariances of a fit by name; logarithms as they are."""

    def __init__(self, fit: FittedLaw) -> None:
        self.fit = fit
        self.count = (len(fit.vector) - len(fit.shared)) // len(fit.own)

    def rows(self, name: str) -> np.ndarray:
        """Which entries of the vector a parameter is: a matrix of shape (1 or devices, entries)."""
        fit = self.fit
        whole = np.eye(len(fit.vector))
        if name in fit.shared:
            return np.asarray(whole[[fit.shared.index(name)]])
        first = len(fit.shared) + fit.own.index(name)
        return np.asarray(whole[first :: len(fit.own)])

    def of(self, rows: np.ndarray) -> tuple[Known, Known]:
        """Mean and spread over devices of a linear function of the vector, shape (devices, entries)."""
        return population(rows @ self.fit.vector, rows @ self.fit.covariance @ rows.T)

    def one(self, name: str) -> Known:
        """A shared parameter."""
        row = self.rows(name)[0]
        return Known(float(row @ self.fit.vector), float(row @ self.fit.covariance @ row) ** 0.5)


def device_table(fit: FittedLaw, tracks: Tracks) -> tuple[Table, dict[str, str | bool]]:
    """Parameters with standard errors, and words, as `pib_rl.physical.memristive.own_device` takes them."""
    read = FitReader(fit)
    table: Table = {}
    words: dict[str, str | bool] = {"one_sided": True} if tracks.one_sided else {}
    up = read.rows("up") - (read.rows("part_up") if fit.law == "exponential" else 0)
    down = None if tracks.one_sided else read.rows("down")
    if down is not None and fit.law == "exponential":
        down = down - read.rows("part_down")
    step = _steps(read, up, down, table, words)
    _range(read, table, tracks.one_sided)
    _shape(read, table, tracks.one_sided)
    _noise(read, table, words, step)
    return table, words


def _steps(
    read: FitReader, up: np.ndarray, down: np.ndarray | None, table: Table, words: dict[str, str | bool]
) -> float:
    """Step, its spread and its asymmetry; the step."""
    ways = [up] if down is None else [up, down]
    larger = max((read.of(rows)[0] for rows in ways), key=lambda known: known.value)
    gain = read.of(np.mean(ways, axis=0))[1]
    wide = gain.value > LOG_NORMAL
    step = float(np.exp(larger.value + (0 if wide else gain.value**2 / 2)))
    table["step"] = Known(step, step * larger.error)
    table["step_spread"] = gain
    if wide:
        words["log_normal"] = True
    if down is not None:
        tilt, spread = read.of((up - down) / 2)
        size = 1 - float(np.exp(-2 * abs(tilt.value)))
        table["asymmetry"] = Known(size * float(np.sign(tilt.value)), 2 * (1 - size) * tilt.error)
        table["asymmetry_spread"] = spread
    return step


def _range(read: FitReader, table: Table, one_sided: bool) -> None:
    for name in ("high",) if one_sided else ("low", "high"):
        mean, spread = read.of(read.rows(name))
        table[name] = mean
        table[f"{name}_spread"] = Known(spread.value / abs(mean.value), spread.error / abs(mean.value))
    if one_sided:
        table["low"] = Known(0.0, 0.0)


def _shape(read: FitReader, table: Table, one_sided: bool) -> None:
    """Parameters of the law itself."""
    law, ways = read.fit.law, ("up",) if one_sided else ("up", "down")
    if law == "linear":
        spreads = []
        for way, end in (("up", "high"), ("down", "low"))[: len(ways)]:
            size = abs(table[end].value)  # type: ignore[union-attr]
            mean, spread = read.of(read.rows(f"bend_{way}"))
            table[f"bend_{way}"] = Known(size * mean.value, size * mean.error)
            spreads.append(Known(size * spread.value, size * spread.error))
        table["bend_spread"] = Known(*np.mean(spreads, axis=0))
    elif law == "exponential":
        for way in ways:
            part = read.one(f"part_{way}")
            table[f"offset_{way}"] = Known(1 - float(np.exp(part.value)), float(np.exp(part.value)) * part.error)
            table[f"gamma_{way}"] = read.one(f"gamma_{way}")
    elif law == "power":
        for way in ways:
            power = read.one(f"power_{way}")
            table[f"gamma_{way}"] = Known(float(np.exp(power.value)), float(np.exp(power.value)) * power.error)
    elif law == "piecewise":
        for way in ways:
            names = [f"{way}_{k}" for k in range(POINTS)]
            logs = [read.one(name) if name in read.fit.shared else Known(0.0, 0.0) for name in names]
            table[f"steps_{way}"] = [
                Known(float(np.exp(one.value)), float(np.exp(one.value)) * one.error) for one in logs
            ]
    if one_sided:  # of no effect: no pulse goes downwards
        for name in ("bend", "offset", "gamma", "steps"):
            if f"{name}_up" in table:
                table[f"{name}_down"] = table[f"{name}_up"]


def _noise(read: FitReader, table: Table, words: dict[str, str | bool], step: float) -> None:
    kinds = [name for name in ("relative", "absolute") if name in read.fit.shared]
    far = np.exp(read.one("part_up").value) if read.fit.law == "exponential" else 1.0  # its step counts from far away
    sizes = {name: float(np.exp(read.one(name).value)) * (far if name == "absolute" else 1.0) for name in kinds}
    if len(kinds) == 1:
        words["noise"] = kinds[0]
        size = sizes[kinds[0]]
        table["pulse_noise"] = Known(size, size * read.one(kinds[0]).error)
    else:
        words["noise"] = "graded"
        relative, absolute = sizes["relative"], sizes["absolute"]
        table["pulse_noise"] = Known(relative, relative * read.one("relative").error)
        floor = absolute * step / relative
        table["noise_floor"] = Known(
            floor, floor * float(np.hypot(read.one("relative").error, read.one("absolute").error))
        )
        if "sloped" in read.fit.shared:
            slope, error = read.one("sloped")
            size = float(np.exp(slope)) / relative
            table["noise_slope"] = Known(size, size * error)
    spread = read.one("read")
    size = float(np.exp(spread.value)) / step
    known = spread.error < 1
    relative_error = float(np.hypot(spread.error, table["step"].error / step))  # type: ignore[union-attr]
    table["write_noise"] = Known(size, size * relative_error) if known else Known(0.0, 2 * size)


def conductance_us(tracks: Tracks) -> float:
    """Conductance of the range of the mean device, in microsiemens."""
    return float(SPAN * tracks.unit_us)
