"""sites.csv of a run folder: a row per second and site, and what they add up to."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, get_type_hints

from pib_rl.common.units import si

RECORD = "sites.csv"


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What is known of a site at one time. Numbers count from the beginning of the run, also where it was resumed.

    Args:
        time_s: Time since the beginning, in s; the time between a stop and --resume does not count.
        site: Its name.
        units: Numbers of its units, such as 1-2.
        there: Whether it gave a sign of life in the last seconds: 1 or 0.
        steps: Steps of learning that its units have made.
        steps_per_s: The same per second, since the sample before.
        lag: Passes that it was told to make and that are not through it yet.
        bytes_out: Bytes to it.
        bytes_in: Bytes from it.
        out_per_s: Bytes to it per second, since the sample before.
        in_per_s: Bytes from it per second.
        latency_ms: Time of a message in one direction, in ms; nan where it is not known.
        lives: How often it was started.
        lost: Steps that were lost since it was started again from an older state.
        score: The newest score of the run; nan where there is none yet.
    """

    time_s: float
    site: str
    units: str
    there: int
    steps: int
    steps_per_s: float
    lag: int
    bytes_out: int
    bytes_in: int
    out_per_s: float
    in_per_s: float
    latency_ms: float
    lives: int
    lost: int
    score: float


NAMES = tuple(one.name for one in fields(Sample))


def add(path: Path, samples: Sequence[Sample]) -> None:
    """Adds samples to a file, which is begun if it is not there."""
    begins = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, NAMES)
        if begins:
            writer.writeheader()
        writer.writerows({**asdict(one), "time_s": f"{one.time_s:.2f}"} for one in samples)


def read(path: Path) -> list[Sample]:
    """The samples of a file; none where there is no file. A last line that was cut off is left out."""
    if not path.exists():
        return []
    hints = get_type_hints(Sample)
    samples = []
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        for row in csv.DictReader(file):
            try:
                samples.append(Sample(**{name: hints[name](row[name]) for name in NAMES}))
            except (KeyError, TypeError, ValueError):
                continue
    return samples


def newest(samples: Sequence[Sample]) -> dict[str, Sample]:
    """The last sample of each site, by its name."""
    return {one.site: one for one in samples}


def totals(folder: Path) -> list[dict[str, Any]] | None:
    """The entry ``sites`` of result.json: name, units, lives, lost, bytes of each; None where no unit was at a site."""
    names = {"site": "name", "units": "units", "steps": "steps", "lives": "lives", "lost": "lost"}
    names |= {name: name for name in ("bytes_out", "bytes_in")}
    found = newest(read(folder / RECORD)).values()
    return [{new: getattr(one, old) for old, new in names.items()} for one in found] or None


def told(sites: Sequence[dict[str, Any]]) -> str:
    """One line on what sites cost and what was lost."""
    out, back = (sum(site[name] for site in sites) for name in ("bytes_out", "bytes_in"))
    ways = f"{len(sites)} site{'s' * (len(sites) > 1)}: {si(out, 'B')} went out and {si(back, 'B')} came back"
    losses = [
        f"{site['name']} was started {site['lives']} times and lost {site['lost']:,} of its steps"
        for site in sites
        if site["lives"] > 1 or site["lost"]
    ]
    return f"{ways}; {'; '.join(losses) or 'nothing lost'}"
