"""The standings as text: cells, a Markdown table and a table for the terminal."""

from __future__ import annotations

import math

from rich import box
from rich.table import Table

from pib_rl.common.units import si
from pib_rl.comparison.intervals import Estimate
from pib_rl.comparison.results import Standing
from pib_rl.training.evaluation import as_told, decimals

HEADER = (
    "substrate",
    "contender",
    "IQM of final return [95 %]",
    "runs",
    "PIB against it",
    "time [s]",
    "measurements",
    "writes per device",
)
ENERGY = "energy [J]"


def header(standings: list[Standing]) -> list[str]:
    """Column names; energy only where a meter gave it."""
    return [*HEADER, *([ENERGY] if any(line.energy is not None for line in standings) else [])]


def cells(line: Standing, energy: bool) -> list[str]:
    """One line of the table; single runs have no decimals unless all of them are small."""
    places = decimals(*line.finals) if decimals(*line.finals) > 1 else 0
    return [
        line.hw,
        line.contender,
        score(line.score),
        ", ".join(f"{value:.{places}f}" for value in line.finals),
        line.against or "",
        f"{line.seconds:.{0 if line.seconds >= 10 else 1}f}",
        count(line.measurements),
        count(line.writes_per_device),
        *([count(line.energy)] if energy else []),
    ]


def score(estimate: Estimate) -> str:
    """Interquartile mean with its interval, or alone where a few runs give none."""
    if math.isnan(estimate.low):
        return as_told(estimate.mean)
    places = decimals(estimate.mean, estimate.low, estimate.high)
    return f"{estimate.mean:.{places}f} [{estimate.low:.{places}f}, {estimate.high:.{places}f}]"


def count(value: float | None) -> str:
    """A large number in short."""
    return "-" if value is None else si(value, smallest=1.0)


def rows(standings: list[Standing]) -> list[list[str]]:
    """All lines."""
    energy = ENERGY in header(standings)
    return [cells(line, energy) for line in standings]


def markdown(standings: list[Standing]) -> str:
    """The table in Markdown; PIB's lines are bold."""
    names = header(standings)
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    for line, row in zip(standings, rows(standings), strict=True):
        shown = [f"**{cell}**" if line.contender == "pib" and at in (1, 2) else cell for at, cell in enumerate(row)]
        lines.append("| " + " | ".join(shown) + " |")
    return "\n".join(lines) + "\n"


def terminal(standings: list[Standing], title: str, caption: str) -> Table:
    """The table for a terminal of 80 columns: without the single runs."""
    table = Table(title=title, title_style="", caption=caption, box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 0))
    for name in ("substrate", "contender", "IQM [95 %]", "PIB is", "s", "measured", "writes"):
        table.add_column(name, justify="left" if name in HEADER[:2] else "right", no_wrap=True)
    last = None
    for line in standings:
        hw, name, final, _, *others = cells(line, energy=False)
        table.add_row("" if line.hw == last else hw, name, final, *others, style="bold" if name == "pib" else "")
        last = line.hw
    return table
