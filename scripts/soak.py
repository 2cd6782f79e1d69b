"""Trains, evaluates and plays in one process for an hour, and looks for memory and files that grow.

python scripts/soak.py --minutes 60

Each round trains a small agent on every substrate with checkpoints, evaluations and faults, and films its policy. After
each round the resident memory and the open files of the process are noted (Linux). The first fifth of the time is left
out: imports, caches and the allocator settle there. A line is fitted to the rest, over the CPU time of the process, so
that a busy machine does not flatten it. It ends with code 1 if memory or files grow faster than the bounds, and by more
than three standard errors.
"""

from __future__ import annotations

import contextlib
import csv
import math
import os
import platform
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil
import tyro

from pib_rl import play, train
from pib_rl.cli.process import settle_in

SETTLES = 0.2  # of the time
SURE = 3.0  # standard errors
FEWEST = 5  # samples for a line
MEGA, HOUR = 1e6, 3600.0
PACKAGES = ("torch", "numpy", "gymnasium", "stable-baselines3", "matplotlib", "pygame-ce")


class Settings(NamedTuple):
    """How long, and what may grow."""

    minutes: float = 60.0
    """How long, in minutes by the clock. The round that is at work then is finished."""
    hw: tuple[str, ...] = ("digital", "memristive", "optical", "mzi")
    """Substrates, all in each round."""
    env: str = "CartPole-v1"
    """Environment."""
    timesteps: int = 512
    """Environment steps of each training."""
    frames: int = 30
    """Environment steps that are filmed after each training."""
    most_mb: float = 20.0
    """Bound of the memory, in MB per hour of CPU time."""
    most_files: float = 1.0
    """Bound of open files, per hour of CPU time."""
    csv: Path | None = None
    """File for the samples; it must not exist."""


class Sample(NamedTuple):
    """The process after a round.

    Args:
        seconds: CPU time since the beginning.
        resident_mb: Resident memory, in MB.
        files: Open files, sockets and pipes.
    """

    seconds: float
    resident_mb: float
    files: int


class Slope(NamedTuple):
    """How something grows, and the standard error of that, both per hour of CPU time."""

    per_hour: float
    error: float

    def exceeds(self, bound: float) -> bool:
        """Whether it grows faster than a bound, and is not flat by chance."""
        return self.per_hour > bound and self.per_hour > SURE * self.error


def main(settings: Settings) -> int:
    """Prints both slopes; 1 if one is too steep."""
    settle_in()
    samples = soak(settings.minutes * 60, lambda: one_round(settings))
    if settings.csv is not None:
        write(settings.csv, samples)
    return report(settings, samples)


def soak(seconds: float, work: Callable[[], None]) -> list[Sample]:
    """Does the work again and again for so long; the process after each round."""
    process, samples = psutil.Process(), list[Sample]()
    began, until = time.process_time(), time.monotonic() + seconds
    while not samples or time.monotonic() < until:
        work()
        resident = process.memory_info().rss / MEGA
        samples.append(Sample(time.process_time() - began, resident, process.num_fds()))
    return samples


def one_round(settings: Settings) -> None:
    """Trains and films on each substrate, in a folder that goes."""
    short = ["--width", "16", "--n-envs", "2", "--n-steps", "64", "--looks", "2", "--eval-episodes", "2"]
    kept = ["--checkpoint-every", "128", "--fault", f"dead-unit:1@{settings.timesteps // 2}", "--no-progress"]
    with (
        tempfile.TemporaryDirectory() as folder,
        Path(os.devnull).open("w", encoding="utf-8") as nothing,
        contextlib.redirect_stdout(nothing),
        contextlib.redirect_stderr(nothing),
    ):
        for hw in settings.hw:
            run = str(Path(folder) / hw)
            steps = ["--timesteps", str(settings.timesteps)]
            train.main([settings.env, "--hw", hw, *steps, *short, *kept, "--out", run])
            play.main([run, "--render", "gif", "--steps", str(settings.frames), "--no-progress"])


def settled(samples: Sequence[Sample]) -> list[Sample]:
    """Samples without the first fifth of the time."""
    return [one for one in samples if one.seconds >= SETTLES * samples[-1].seconds]


def slope(seconds: Sequence[float], values: Sequence[float]) -> Slope:
    """Least squares, with the standard error for independent deviations from the line; infinite for too few samples."""
    if len(seconds) < FEWEST:
        return Slope(0.0, math.inf)
    hours, grown = np.asarray(seconds) / HOUR, np.asarray(values, dtype=float)
    centred = hours - hours.mean()
    spread = float(centred @ centred)
    steep = float(centred @ grown) / spread
    left = grown - grown.mean() - steep * centred
    return Slope(steep, math.sqrt(float(left @ left) / (len(left) - 2) / spread))


def report(settings: Settings, samples: Sequence[Sample]) -> int:
    """Prints what grew; 1 if it grew too fast."""
    used = settled(samples)
    seconds = [one.seconds for one in used]
    memory = slope(seconds, [one.resident_mb for one in used])
    files = slope(seconds, [one.files for one in used])
    first, last = used[0], used[-1]
    print(f"{len(samples)} rounds in {samples[-1].seconds / 60:.1f} min of CPU time, {len(used)} of them counted")
    print(
        f"memory: {first.resident_mb:.0f} to {last.resident_mb:.0f} MB, {_line(memory, 'MB')} <= {settings.most_mb:g}"
    )
    print(f"open files: {first.files} to {last.files}, {_line(files, 'files')} <= {settings.most_files:g}")
    told = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    print(f"Python {platform.python_version()}, {told}")
    grows = [memory.exceeds(settings.most_mb), files.exceeds(settings.most_files)]
    for name in [name for name, so in zip(("memory", "open files"), grows, strict=True) if so]:
        print(f"{name} grow too fast")
    return int(any(grows))


def _line(found: Slope, unit: str) -> str:
    return f"{found.per_hour:+.2f} ± {found.error:.2f} {unit} per hour, wanted"


def write(path: Path, samples: Sequence[Sample]) -> None:
    """All samples as a .csv file."""
    with path.open("x", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Sample._fields)
        writer.writerows(samples)


if __name__ == "__main__":
    raise SystemExit(main(tyro.cli(Settings)))
