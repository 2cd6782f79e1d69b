"""Watches all sites of a run: a row per second and site in its record, and in a display for people."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

from pib_rl.agents.split.message import unit_numbers
from pib_rl.sites.line import SiteLine
from pib_rl.sites.watch.record import Sample, add, newest, read
from pib_rl.sites.watch.table import SitesDisplay

EVERY_S = 1.0


class SitesMonitor:
    """While it is open, samples are taken; the last one when it closes.

    Args:
        lines: Gives the lines to all sites.
        record: The file of samples, which are added to those of a run that goes on.
        score: The newest score of the run.
        display: Shows them.
    """

    def __init__(
        self,
        lines: Callable[[], Sequence[SiteLine]],
        record: Path,
        score: Callable[[], float | None],
        display: SitesDisplay,
    ) -> None:
        self._lines, self._record, self._score, self._display = lines, record, score, display
        before = read(record)
        self._before = newest(before)
        self._last = dict(self._before)
        self._offset = before[-1].time_s if before else 0.0
        self._begin = time.monotonic()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="sites' record", daemon=True)

    def __enter__(self) -> SitesMonitor:
        self._display.open()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        self._thread.join()
        self._display.close()

    def _watch(self) -> None:
        done = False
        while not done:
            done = self._closed.wait(EVERY_S)
            samples = self.sample(time.monotonic() - self._begin)
            add(self._record, samples)
            self._display.show(samples)

    def sample(self, now: float) -> list[Sample]:
        """What is known of all sites so many seconds after the beginning."""
        score = self._score()
        return [self._of(line, self._offset + now, math.nan if score is None else score) for line in self._lines()]

    def _of(self, line: SiteLine, now: float, score: float) -> Sample:
        traffic, last, before = line.traffic, self._last.get(line.name), self._before.get(line.name)
        out, back, lives, lost = traffic.bytes_out, traffic.bytes_in, traffic.lives, traffic.lost
        if before is not None:
            out, back = out + before.bytes_out, back + before.bytes_in
            lives, lost = lives + before.lives, lost + before.lost
        steps = traffic.updates if last is None else max(traffic.updates, last.steps if not traffic.lives else 0)
        passed = now if last is None else now - last.time_s

        def rate(count: int, earlier: int) -> float:
            return round(max(0, count - earlier) / passed, 1) if passed > 0 else 0.0

        sample = Sample(
            time_s=now,
            site=line.name,
            units=unit_numbers(line.units),
            there=int(traffic.there),
            steps=steps,
            steps_per_s=rate(steps, 0 if last is None else last.steps),
            lag=line.lag,
            bytes_out=out,
            bytes_in=back,
            out_per_s=rate(out, 0 if last is None else last.bytes_out),
            in_per_s=rate(back, 0 if last is None else last.bytes_in),
            latency_ms=math.nan if traffic.latency_s is None else round(1e3 * traffic.latency_s, 2),
            lives=lives,
            lost=lost,
            score=score,
        )
        self._last[line.name] = sample
        return sample
