"""Runs commands and functions side by side, under one progress bar; what failed is reported at the end."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

os.environ.setdefault("OMP_NUM_THREADS", "1")  # one thread per run, here and in processes that are started

from joblib import Parallel, delayed
from tqdm import tqdm

FAILURE = 1
Key = TypeVar("Key")
Result = TypeVar("Result")
_running: set[subprocess.Popen[str]] = set()


def side_by_side(
    calls: Mapping[Key, Callable[[], Result]],
    at_once: int,
    unit: str = "run",
    processes: bool = False,
    progress: bool = True,
) -> tuple[dict[Key, Result], list[str]]:
    """Makes all calls; one that fails is noted and the others go on.

    Args:
        calls: What to call, by name: words, or a tuple of them.
        at_once: How many run at the same time.
        unit: What the bar counts.
        processes: Run each in a process of its own, as work in Python needs; threads do for `call` and `command`.
        progress: Show the bar.

    Returns:
        What the calls returned, by name and in their order, and one line about each that failed.
    """
    pool = Parallel(
        at_once, backend="loky" if processes else "threading", batch_size=1, return_as="generator_unordered"
    )
    found, failed = {}, {}
    try:
        with closing(pool(delayed(_attempt)(key, one) for key, one in calls.items())) as done:
            for key, result, why in tqdm(done, total=len(calls), unit=unit, disable=not progress or not calls):
                if why is None:
                    found[key] = result
                else:
                    failed[key] = f"{_words(key)} failed: {why}"
    except BaseException:
        for process in list(_running):
            process.terminate()
        raise
    return {key: found[key] for key in calls if key in found}, [failed[key] for key in calls if key in failed]


def end(failed: list[str]) -> None:
    """Ends the script with what failed on the standard error, and exit code 1 if anything did."""
    for line in failed:
        print(line, file=sys.stderr)
    if failed:
        raise SystemExit(FAILURE)


def call(*arguments: object) -> str:
    """Runs Python; returns what it printed.

    Raises:
        RuntimeError: If it fails, with its last words.
    """
    process = subprocess.Popen(
        [sys.executable, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    _running.add(process)
    try:
        said, complaint = process.communicate()
    finally:
        _running.discard(process)
    if process.returncode:
        raise RuntimeError((complaint.strip().splitlines() or [f"exit code {process.returncode}"])[-1])
    return said


def command(name: str, *arguments: object) -> str:
    """Runs a command of the package, such as train, without a progress bar; see `call`."""
    return call("-m", f"pib_rl.{name}", *arguments, "--no-progress")


def finished(folder: Path) -> bool:
    """Whether a run folder holds its result."""
    return (folder / "result.json").is_file()


def make_run(folder: Path, name: str, *arguments: object) -> dict[str, Any]:
    """The result of a run folder, which a command makes unless it is finished; a run that broke off starts again."""
    if not finished(folder):
        if (folder / "config.yaml").is_file():
            shutil.rmtree(folder)
        command(name, *arguments, "--out", folder)
    result: dict[str, Any] = json.loads((folder / "result.json").read_text())
    return result


def _attempt(key: Key, one: Callable[[], Result]) -> tuple[Key, Result | None, str | None]:
    """A call's name, its result, and why there is none."""
    try:
        return key, one(), None
    except Exception as error:
        return key, None, str(error) if isinstance(error, (RuntimeError, ValueError, OSError)) else repr(error)


def _words(key: object) -> str:
    return " ".join(map(str, key)) if isinstance(key, tuple) else str(key)
