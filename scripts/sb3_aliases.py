"""pytest plugin of sb3_conformance.sh: `PIB` in the place of A2C and PPO, and what came of the tests that build it.

Nothing but names changes: `stable_baselines3.A2C` and `stable_baselines3.PPO` are `PIB` when the tests import them.
Tests that build no `PIB` do not count. sb3_expected_failures.txt holds those that fail, each with its reason; the run
fails where the list is wrong, either way. What each file came to is added to the file that SB3_COUNTS names; as a
program, `sb3_aliases.py FILE` prints it as a table.
"""

from __future__ import annotations

import functools
import os
import re
import resource
import sys
from collections import defaultdict
from pathlib import Path

import pytest
import stable_baselines3

from pib_rl import PIB

SOMETIMES = "sometimes"  # a reason begins with it where a test may end either way
LIST = Path(__file__).with_name("sb3_expected_failures.txt")
COUNTED = ("build PIB", "pass", "expected failures", "not as expected")


def read_reasons(text: str) -> dict[str, str]:
    """Reason by test: lines ``test_x.py::test_y[a-*]  reason``; * is anything, without [...] all cases are meant."""
    lines = (line.split(None, 1) for line in text.splitlines() if line.strip() and not line.startswith("#"))
    return {name: reason.strip() for name, reason in lines}


def reason(test: str, reasons: dict[str, str]) -> str | None:
    """Why a test is expected to fail; None if it is not."""
    for name, why in reasons.items():
        cases = "" if name.endswith("]") else r"(\[.*)?"
        if re.fullmatch(re.escape(name).replace(r"\*", ".*") + cases, test):
            return why
    return None


class Conformance:
    """Notes which tests built an agent, and how they ended."""

    def __init__(self, reasons: dict[str, str]) -> None:
        self.reasons = reasons
        self.current = ""
        self.built: set[str] = set()
        self.ended: dict[str, str] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item):
        self.current = item.nodeid.rpartition("/")[2]
        return (yield)

    def pytest_runtest_logreport(self, report):
        if report.when == "call" or report.failed:
            self.ended[report.nodeid.rpartition("/")[2]] = report.outcome

    def wrong(self) -> list[str]:
        """What the list does not say, or says wrongly, a line each."""
        lines = []
        for test in sorted(self.built & self.ended.keys()):
            why, failed = reason(test, self.reasons), self.ended[test] == "failed"
            if failed and why is None:
                lines.append(f"{test} failed, and is not in {LIST.name}")
            if not failed and why is not None and not why.startswith(SOMETIMES):
                lines.append(f"{test} passed; take it out of {LIST.name}")
        return lines

    def counts(self) -> dict[str, list[int]]:
        """By file, the numbers that `COUNTED` names."""
        found: dict[str, list[int]] = defaultdict(lambda: [0] * len(COUNTED))
        wrong = {line.split()[0].rstrip(";") for line in self.wrong()}
        for test, outcome in self.ended.items():
            row, failed = found[test.partition(".py::")[0].removeprefix("test_")], outcome == "failed"
            if test not in self.built:
                continue
            for index, one in enumerate((True, not failed, failed and test not in wrong, test in wrong)):
                row[index] += one
        return found

    def summary(self) -> str:
        tests = self.built & self.ended.keys()
        passed = sum(self.ended[test] == "passed" for test in tests)
        return f"{passed} of {len(tests)} tests that build PIB passed, {len(self.wrong())} not as expected"

    def pytest_sessionfinish(self, session):
        if "SB3_COUNTS" in os.environ:
            largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
            with Path(os.environ["SB3_COUNTS"]).open("a", encoding="utf-8") as file:
                file.writelines(
                    f"{name} {' '.join(map(str, row))} {largest:.1f}\n" for name, row in self.counts().items()
                )
        if session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):  # all were collected and ran
            session.exitstatus = 1 if self.wrong() else 0

    def pytest_terminal_summary(self, terminalreporter):
        terminalreporter.section("PIB in the place of A2C and PPO")
        for line in [*self.wrong(), self.summary()]:
            terminalreporter.write_line(line)


def watch(kind: type, notes: Conformance) -> None:
    """Notes every agent that is made."""
    make = kind.__init__

    @functools.wraps(make)
    def noted(self, *arguments, **options):
        notes.built.add(notes.current)
        make(self, *arguments, **options)

    kind.__init__ = noted


def pytest_configure(config):
    notes = Conformance(read_reasons(LIST.read_text(encoding="utf-8")))
    stable_baselines3.A2C = stable_baselines3.PPO = PIB
    watch(PIB, notes)
    config.pluginmanager.register(notes, "sb3-conformance")


def table(lines: list[str]) -> str:
    """The counts of all files, a line each, with their sum."""
    rows = [line.split() for line in lines]
    total = [str(sum(int(row[1 + index]) for row in rows)) for index in range(len(COUNTED))]
    ends = [*rows, ["all", *total, max((row[-1] for row in rows), key=float, default="0")]]
    heading = ["file", *COUNTED, "memory [GB]"]
    return "\n".join("| " + " | ".join(row) + " |" for row in [heading, ["---"] * len(heading), *ends])


if __name__ == "__main__":
    counts = Path(sys.argv[1])
    print(f"Stable-Baselines3 {stable_baselines3.__version__}")
    print(table(counts.read_text(encoding="utf-8").splitlines() if counts.exists() else []))
