"""The standings as text: cells, a Markdown table and a table for the terminal."""

from __future__ import annotations

import math
from collections.abc import Iterable

from rich import box
from rich.table import Table

from pib_rl.comparison.intervals import Estimate
from pib_rl.comparison.results import Standing
from pib_rl.runs.result import as_text, decimals, describe, format_return, means

TERMINAL = ("wall_s", "measurements", "writes_mean_per_device")  # means that fit into 80 columns
HEADER = ("substrate", "learner", "IQM of final return [95 %]", "runs", "PIB against it")


def shown(standings: list[Standing]) -> dict[str, str]:
    """Means that the table has, name to heading; energy only where a meter gave it."""
    return {
        name: heading
        for name, heading in means().items()
        if name != "energy_j" or any(line.means[name] is not None for line in standings)
    }


def header(standings: list[Standing]) -> list[str]:
    """Column names."""
    return [*HEADER, *shown(standings).values()]


def cells(line: Standing, columns: Iterable[str]) -> list[str]:
    """One line of the table; single runs have no decimals unless all of them are small."""
    places = decimals(*line.finals) if decimals(*line.finals) > 1 else 0
    singles = ", ".join(f"{value:.{places}f}" for value in line.finals)
    numbers = [number(name, line.means[name]) for name in columns]
    return [line.hw, line.learner, score(line.score), singles, line.against or "", *numbers]


def number(name: str, value: float | None) -> str:
    """A mean without its unit, which stands in the heading."""
    return as_text(name, value).removesuffix(describe(name)["unit"]).strip()


def score(estimate: Estimate) -> str:
    """Interquartile mean with its interval, or alone where a few runs give none."""
    if math.isnan(estimate.low):
        return format_return(estimate.mean)
    places = decimals(estimate.mean, estimate.low, estimate.high)
    return f"{estimate.mean:.{places}f} [{estimate.low:.{places}f}, {estimate.high:.{places}f}]"


def rows(standings: list[Standing]) -> list[list[str]]:
    """All lines."""
    columns = shown(standings)
    return [cells(line, columns) for line in standings]


def markdown(standings: list[Standing]) -> str:
    """The table in Markdown; PIB's lines are bold."""
    names = header(standings)
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    for line, row in zip(standings, rows(standings), strict=True):
        shown = [f"**{cell}**" if line.learner == "pib" and at in (1, 2) else cell for at, cell in enumerate(row)]
        lines.append("| " + " | ".join(shown) + " |")
    return "\n".join(lines) + "\n"


def terminal(standings: list[Standing], title: str, caption: str) -> Table:
    """The table for a terminal of 80 columns: without the single runs."""
    table = Table(title=title, title_style="", caption=caption, box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 0))
    for name in ("substrate", "learner", "IQM [95 %]", "PIB is", "s", "measured", "writes"):
        table.add_column(name, justify="left" if name in HEADER[:2] else "right", no_wrap=True)
    last = None
    for line in standings:
        hw, name, final, _, *others = cells(line, TERMINAL)
        table.add_row("" if line.hw == last else hw, name, final, *others, style="bold" if name == "pib" else "")
        last = line.hw
    return table
