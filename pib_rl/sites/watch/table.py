"""What a person sees of sites while a run learns: a live table on a terminal, elsewhere a line now and then."""

from __future__ import annotations

import io
import math
import sys
import time
from collections.abc import Sequence
from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pib_rl.common.units import si
from pib_rl.sites.watch.record import Sample

EVERY_S = 30.0  # between lines, where there is no terminal
COLUMNS = ("site", "units", "", "steps/s", "lag", "to it", "from it", "latency", "starts", "lost steps")


class SitesDisplay:
    """Shows nothing; others show more."""

    def open(self) -> None:
        """Begins."""

    def show(self, samples: Sequence[Sample]) -> None:
        """Shows the newest samples, one of each site."""

    def close(self) -> None:
        """Ends; what is shown last stays."""

    @staticmethod
    def make(shown: bool) -> SitesDisplay:
        """The display that fits the standard error; one that shows nothing unless ``shown``."""
        if not shown:
            return SitesDisplay()
        console = Console(file=sys.stderr)
        return LiveTable(console) if console.is_terminal else Lines(sys.stderr)


class Lines(SitesDisplay):
    """A line every 30 s.

    Args:
        file: Where they go.
    """

    def __init__(self, file: TextIO) -> None:
        self._file, self._said = file, time.monotonic()

    def show(self, samples: Sequence[Sample]) -> None:
        if time.monotonic() - self._said >= EVERY_S:
            self._said = time.monotonic()
            print(f"sites: {'; '.join(map(site_line, samples))}", file=self._file, flush=True)


class LiveTable(SitesDisplay):
    """A table that is drawn again and again; progress bars are its caption meanwhile, and other text goes above it.

    Args:
        console: The terminal.
    """

    def __init__(self, console: Console) -> None:
        self._live = Live(Text("waiting for sites"), console=console, auto_refresh=False, redirect_stderr=False)
        self._caption = Captions(console)
        self._stderr = sys.stderr

    def open(self) -> None:
        self._stderr = sys.stderr
        self._live.start()
        sys.stderr = self._caption

    def show(self, samples: Sequence[Sample]) -> None:
        if samples:
            table = site_table(samples)
            table.caption = Text(self._caption.bar)
            self._live.update(table, refresh=True)

    def close(self) -> None:
        sys.stderr = self._stderr
        self._live.stop()


class Captions(io.TextIOBase):
    """Takes the place of the standard error under a live table: keeps what a progress bar writes, prints all else."""

    def __init__(self, console: Console) -> None:
        self.bar = ""
        self._console, self._line = console, ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self._line += text
        *whole, self._line = self._line.split("\n")
        for line in whole:
            kept = line.rpartition("\r")[2].rstrip()
            if kept:
                self._console.print(Text(kept))
        self._line = self._line.rpartition("\r")[2]
        self.bar = self._line.strip() or self.bar
        return len(text)


def site_table(samples: Sequence[Sample]) -> Table:
    """Who is there, how fast, how far behind, and what travels."""
    table = Table()
    for index, name in enumerate(COLUMNS):
        table.add_column(name, justify="left" if index < 3 else "right")
    for one in samples:
        table.add_row(
            Text(one.site),
            one.units,
            "there" if one.there else "away",
            f"{one.steps_per_s:.1f}",
            f"{one.lag}",
            f"{si(one.out_per_s, 'B/s', 1.0)}",
            f"{si(one.in_per_s, 'B/s', 1.0)}",
            "-" if math.isnan(one.latency_ms) else f"{one.latency_ms:.1f} ms",
            f"{one.lives}",
            f"{one.lost:,}",
        )
    return table


def site_line(one: Sample) -> str:
    """The same of one site in a few words."""
    if not one.there:
        return f"{one.site} is away"
    rates = f"{si(one.out_per_s, 'B/s', 1.0)} to it, {si(one.in_per_s, 'B/s', 1.0)} from it"
    lost = f", {one.lost:,} steps lost" if one.lost else ""
    return f"{one.site} {one.steps_per_s:.1f} steps/s, {one.lag} passes under way, {rates}{lost}"
