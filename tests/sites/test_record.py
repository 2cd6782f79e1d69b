"""What is written down of sites, and what people see of it."""

from __future__ import annotations

import io
import math
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console

from pib_rl.figures.curves import as_png
from pib_rl.figures.sites import SiteCurves, sites_figure
from pib_rl.sites.line import SiteTraffic
from pib_rl.sites.watch import record, table
from pib_rl.sites.watch.monitor import SitesMonitor
from pib_rl.sites.watch.table import Lines, LiveTable, SitesDisplay, site_table


def line(name: str = "a", **traffic: object) -> SimpleNamespace:
    return SimpleNamespace(name=name, units=range(1, 3), lag=4, traffic=SiteTraffic(**traffic))


def monitor(folder, *lines, score=None, display=None) -> SitesMonitor:
    return SitesMonitor(lambda: lines, folder / record.RECORD, lambda: score, display or SitesDisplay())


def test_rates_are_of_the_time_between_two_samples(tmp_path):
    one = line(bytes_out=1000, bytes_in=500, updates=10, lives=1)
    watch = monitor(tmp_path, one, score=0.5)
    watch.sample(1.0)
    one.traffic.bytes_out, one.traffic.updates = 3000, 16
    (found,) = watch.sample(3.0)
    assert (found.out_per_s, found.in_per_s, found.steps_per_s) == (1000, 0, 3)
    assert (found.time_s, found.units, found.lag, found.score) == (3.0, "2-3", 4, 0.5)
    assert math.isnan(found.latency_ms)


def test_a_run_that_goes_on_counts_on(tmp_path):
    path = tmp_path / record.RECORD
    first = monitor(tmp_path, line(bytes_out=1000, bytes_in=10, updates=7, lives=2, lost=3))
    record.add(path, first.sample(5.0))
    later = line(bytes_out=50, bytes_in=5, updates=0, lives=0)
    second = monitor(tmp_path, later)
    (found,) = second.sample(1.0)
    assert (found.time_s, found.bytes_out, found.bytes_in, found.lives, found.lost) == (6.0, 1050, 15, 2, 3)
    assert (found.steps, found.steps_per_s) == (7, 0)
    later.traffic.lives, later.traffic.updates = 1, 9
    (found,) = second.sample(2.0)
    assert (found.steps, found.lives) == (9, 3)
    record.add(path, [found])
    assert record.totals(tmp_path) == [
        {"name": "a", "units": "2-3", "steps": 9, "lives": 3, "lost": 3, "bytes_out": 1050, "bytes_in": 15}
    ]


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / record.RECORD
    samples = monitor(tmp_path, line("a", lives=1), line("b", round_trips=[0.004, 0.002])).sample(1.25)
    record.add(path, samples)
    path.open("a").write("2.0,a,1-2")  # the disk was full, or the power went
    assert str(record.read(path)) == str(samples)
    assert samples[1].latency_ms == 1.0


def test_no_sites_no_totals(tmp_path):
    assert record.totals(tmp_path) is None


def test_the_thread_writes_a_last_row(tmp_path):
    with monitor(tmp_path, line()):
        pass
    assert len(record.read(tmp_path / record.RECORD)) == 1


@pytest.mark.parametrize(
    ("more", "said"),
    [({}, "nothing lost"), ({"lives": 2, "lost": 40}, "a was started 2 times and lost 40 of its steps")],
)
def test_one_line_says_what_was_lost(more, said):
    site = {"name": "a", "units": "1-2", "steps": 9, "lives": 1, "lost": 0, "bytes_out": 2000, "bytes_in": 10} | more
    assert record.told([site]) == f"1 site: 2 kB went out and 10 B came back; {said}"


def test_the_table_shows_who_is_there(tmp_path):
    samples = monitor(tmp_path, line("[b]", updates=5, bytes_out=2000, lost=1234), line("tokyo")).sample(1.0)
    console = Console(file=io.StringIO(), width=120)
    console.print(site_table(samples))
    shown = console.file.getvalue()
    for text in ("[b]", "tokyo", "away", "2-3", "2 kB/s", "5.0", "1,234"):
        assert text in shown


def test_lines_come_now_and_then(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(table, "time", SimpleNamespace(monotonic=lambda: now[0]))
    out = io.StringIO()
    lines = Lines(out)
    samples = monitor(tmp_path, line("a")).sample(1.0)
    for _ in range(65):
        lines.show(samples)
        now[0] += 1.0
    assert out.getvalue() == "sites: a is away\n" * 2


def test_bars_are_the_caption_and_notes_go_above(tmp_path, monkeypatch):
    terminal = io.StringIO()
    console = Console(file=terminal, force_terminal=True, width=120)
    before = sys.stderr
    live = LiveTable(console)
    live.open()
    try:
        print("\r 10 %|#   |", end="", file=sys.stderr)
        print("\r 20 %|##  |", end="", file=sys.stderr)
        live.show(monitor(tmp_path, line("a")).sample(1.0))
        drawn = terminal.getvalue()
        print("note: a died", file=sys.stderr)
    finally:
        live.close()
    assert sys.stderr is before
    assert "20 %|##  |" in drawn
    assert "10 %" not in drawn
    assert "note: a died" in terminal.getvalue()


def test_nothing_is_shown_unasked():
    assert type(SitesDisplay.make(False)) is SitesDisplay
    assert type(SitesDisplay.make(True)) is Lines  # tests have no terminal


@pytest.mark.parametrize("count", [1, 5])
def test_the_figure_is_drawn(count):
    times = np.arange(4.0)
    sites = [
        SiteCurves(f"$s{k}", "units 1-2", 1e6 * k, 10.0, math.nan if k else 2.0, times, times, times > 2)
        for k in range(count)
    ]
    scores = np.array([math.nan, 0.1, 0.2, 0.3])
    assert as_png(sites_figure(sites, times, scores, "accuracy [%]", "a run")).startswith(b"\x89PNG")
