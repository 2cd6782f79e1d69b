"""What the scripts that measure speed share: turns, ratios, aims, tables.

CPU seconds count: what else the machine runs takes none of them, only some of the caches. What is compared takes turns
in one process with one torch thread, and figures are ratios, so that they hold on other machines too.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, TypeVar

from tqdm import tqdm

from pib_rl.cli.cli import UserError, run
from pib_rl.cli.process import settle_in

HARDWARE = ("digital", "memristive", "optical")
PACKAGES = ("torch", "numpy", "gymnasium", "stable-baselines3", "scikit-learn")
T = TypeVar("T")
Seconds = dict[str, list[float]]  # of each round, by the name of what was measured


class Aim(NamedTuple):
    """A figure that was aimed at.

    Args:
        name: What was measured.
        found: What came out.
        bound: Where the aim lies.
        at_least: Whether more is better; less is, otherwise.
    """

    name: str
    found: float
    bound: float
    at_least: bool = False

    @property
    def met(self) -> bool:
        """Whether the figure reaches the aim, as it is printed: to two digits behind the point."""
        found = round(self.found, 2)
        return found >= self.bound if self.at_least else found <= self.bound


class Report(NamedTuple):
    """What a script measured: the lines of its tables, and the figures that were aimed at."""

    lines: list[str]
    aims: list[Aim]


class Parser(argparse.ArgumentParser):
    """Arguments of a script; a wrong one is a `UserError`, one line, as in the commands of the package."""

    def __init__(self, description: str | None) -> None:
        super().__init__(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; see --help")


def run_alone(name: str, description: str | None, report: Callable[..., Report], **options: int) -> None:
    """Runs a script whose options are these whole numbers, 1 or more, with these defaults, and shows its report."""

    def main(arguments: list[str]) -> None:
        parser = Parser(description)
        for option, default in options.items():
            parser.add_argument(f"--{option}", type=whole(1), default=default)
        settle_in()
        show(report(**vars(parser.parse_args(arguments))))

    run(name, main)


def whole(least: int) -> Callable[[str], int]:
    """A type of arguments: whole numbers from ``least`` on."""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least:
            raise argparse.ArgumentTypeError(f"expected a whole number, {least} or more, got {text!r}")
        return value

    return read


def picture_path(text: str) -> Path:
    """A type of arguments: where a picture can be written."""
    path = Path(text)
    if path.suffix != ".png" or not path.absolute().parent.is_dir():
        raise argparse.ArgumentTypeError(f"expected the path of a .png file in a folder that is there, got {text!r}")
    return path


def cpu(call: Callable[[], Any]) -> float:
    """CPU seconds that a call takes."""
    start = time.process_time()
    call()
    return time.process_time() - start


def progress(items: Sequence[T], unit: str) -> Iterable[T]:
    """The items, under a bar that counts them and goes when all are done."""
    bar: Iterable[T] = tqdm(items, unit=unit, leave=False, dynamic_ncols=True)
    return bar


def take_turns(calls: Mapping[str, Callable[[int], float]], rounds: Sequence[int], first: int = 0) -> Seconds:
    """What all calls say, in turns.

    Args:
        calls: What is measured, by name; each gets the number of the round, such as a seed, and returns CPU seconds.
        rounds: Numbers of the rounds.
        first: So many rounds more come first and don't count.
    """
    seconds: Seconds = {name: [] for name in calls}
    turns = [(number, name) for number in [*[rounds[0]] * first, *rounds] for name in calls]
    for at, (number, name) in enumerate(progress(turns, "turn")):
        spent = calls[name](number)
        if at >= first * len(calls):
            seconds[name].append(spent)
    return seconds


def ratio(seconds: Seconds, name: str, base: str, of: Callable[[list[float]], float] = statistics.median) -> float:
    """What one thing takes relative to another: medians, or ``of`` the rounds."""
    return of(seconds[name]) / of(seconds[base])


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """The lines of a Markdown table."""
    return [f"| {' | '.join(map(str, row))} |" for row in (head, ["---"] * len(head), *rows)]


def aims_table(aims: Iterable[Aim]) -> list[str]:
    """The lines of the table that says which aims are met."""
    rows = [
        (aim.name, f"{aim.found:.2f}", f"{'>=' if aim.at_least else '<='} {aim.bound:g}", "yes" if aim.met else "no")
        for aim in aims
    ]
    return table(("what", "measured", "aim", "met"), rows)


def versions() -> str:
    """What the figures were measured with."""
    return ", ".join([f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in PACKAGES)])


def show(report: Report) -> None:
    """Prints what a script measured, and its aims."""
    print(*report.lines, *(["", *aims_table(report.aims)] if report.aims else []), sep="\n", flush=True)
