"""Sites that a run starts by itself: processes that are watched, and started again when they die."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from pib_rl.cli.cli import MISTAKE

MOST = 5  # starts again of one site
CHECK_S = 0.5
FAREWELL_S = 10.0  # in which a process may end by itself


@dataclass
class Start:
    """How a site is started.

    Args:
        name: Its name.
        address: Host and port that it connects to.
        key: File with its keys.
        folder: Where its chip's state is kept.
        threads: Threads of torch that it may use.
        seed: Of its chip, if it is not the run's own.
    """

    name: str
    address: tuple[str, int]
    key: Path
    folder: Path
    threads: int
    seed: int | None = None

    @property
    def log(self) -> Path:
        """What its process says."""
        return self.folder / f"{self.name}.log"

    def last_words(self) -> str:
        """The last line of that."""
        try:
            lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return ""
        return lines[-1][:200] if lines else "it said nothing"


class SiteProcesses:
    """Starts sites and keeps them going until it is closed.

    Args:
        starts: What to start.
        note: Gets a line when one died.
        give_up: Gets the name of a site that died too often, and why.
    """

    def __init__(self, starts: list[Start], note: Callable[[str], None], give_up: Callable[[str, str], None]) -> None:
        self._starts, self._note, self._give_up = starts, note, give_up
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self._again = dict.fromkeys((start.name for start in starts), 0)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="sites' processes", daemon=True)

    def start(self) -> None:
        """Starts all."""
        for one in self._starts:
            self._begin(one)
        self._thread.start()

    def close(self) -> None:
        """Lets all end, and ends those that do not."""
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join()
        for process in self.running.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(FAREWELL_S)
        for process in self.running.values():
            if process.poll() is None:
                process.kill()
            process.wait()
            assert process.stdin is not None
            process.stdin.close()

    def kill(self, name: str, another: int | None = None) -> None:
        """Ends a site at once, to see what a run makes of that; it is started again.

        With ``another`` its place is taken by a chip of that seed, which has learned nothing.
        """
        if another is not None:
            self._starts[:] = [
                replace(one, seed=another, folder=one.folder / f"chip-{another}") if one.name == name else one
                for one in self._starts
            ]
        self.running[name].kill()

    def _begin(self, one: Start) -> None:
        host, port = one.address
        command = [sys.executable, "-m", "pib_rl.site_worker", "--name", one.name, "--connect", f"{host}:{port}"]
        command += ["--key", str(one.key), "--state", str(one.folder), "--lifeline"]
        command += [] if one.seed is None else ["--seed", str(one.seed)]
        environment = os.environ | {"OMP_NUM_THREADS": str(one.threads)}
        one.folder.mkdir(parents=True, exist_ok=True)
        with one.log.open("ab") as log:
            self.running[one.name] = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=log, stderr=log, env=environment, start_new_session=True
            )

    def _watch(self) -> None:
        given_up: set[str] = set()
        while not self._closed.wait(CHECK_S):
            for one in [start for start in self._starts if start.name not in given_up]:
                code = self.running[one.name].poll()
                if code is None:
                    continue
                why = f"{_words(code)}: {one.last_words()}"
                if self._again[one.name] >= MOST or code == MISTAKE:  # the same would happen again
                    given_up.add(one.name)
                    self._give_up(one.name, f"its process {why} (all of it in {one.log})")
                    continue
                self._again[one.name] += 1
                self._note(f"site {one.name} {why}; started again ({self._again[one.name]} of {MOST})")
                self._begin(one)


def _words(code: int) -> str:
    return f"was killed by signal {-code}" if code < 0 else f"ended with {code}"
