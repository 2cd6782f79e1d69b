"""Kills trainings at moments spread over all they do, lets them go on, and compares with those that nothing stopped.

python scripts/kill_and_resume.py --kills 30

Each run is a process of its own that gets SIGKILL. What it left behind goes on with --resume; where it left nothing,
it was killed before it had made its folder, and begins anew. Then all that it left is compared, bit by bit, with the
run of the same settings that was never stopped: the result but for its times, both policies, evaluations, and the log.
Moments are in CPU seconds of the run (Linux), so that they are spread in the same way on a busy machine.
"""

from __future__ import annotations

import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import tyro
from safetensors.torch import load_file

TIMES = ("time/fps", "time/time_elapsed")  # columns of the log
POLICIES = ("policy.safetensors", "best.safetensors")


class Settings(NamedTuple):
    """Which runs, and how often they are killed."""

    kills: int = 30
    """Kills in all."""
    first: int = 0
    """Kill to begin with, counted from 0: for those that are left of an earlier call with the same settings."""
    hw: tuple[str, ...] = ("digital", "memristive", "optical")
    """Substrates, in turn."""
    env: str = "CartPole-v1"
    """Environment."""
    timesteps: int = 12_000
    """Environment steps of each run."""
    every: str = "2000"
    """Steps, or time, from one checkpoint to the next."""
    more: str = ""
    """Further arguments of pib_rl.train, in one text, as --more="--width 16"."""
    seed: int = 0
    """Seed of the moments."""
    out: Path | None = None
    """Folder to make for the runs; by default one that is removed."""


def main(settings: Settings) -> int:
    """Prints a table, and gives the number of runs that ended otherwise."""
    if settings.out is not None:
        settings.out.mkdir(parents=True)
        return kill_all(settings, settings.out)
    with tempfile.TemporaryDirectory() as folder:
        return kill_all(settings, Path(folder))


def kill_all(settings: Settings, out: Path) -> int:
    """All kills, in the folder ``out``."""
    wholes, seconds = {}, {}
    for hw in settings.hw:
        wholes[hw] = out / f"whole-{hw}"
        before = children_seconds()
        finish(command(settings, hw, wholes[hw]))
        seconds[hw] = children_seconds() - before
    print(f"{'substrate':12} {'killed after':>12}  {'what it did':28} {'goes on from':>12}  same")
    moments, failed = np.random.default_rng(settings.seed).random(settings.kills), 0
    for kill in range(settings.first, settings.kills):
        hw, run = settings.hw[kill % len(settings.hw)], out / f"kill-{kill}"
        after = seconds[hw] * (kill + moments[kill]) / settings.kills
        stop(command(settings, hw, run), after)
        doing, step = phase(run)
        begun = (run / "config.yaml").exists()
        again = [*PYTHON, "--resume", str(run), "--no-progress"] if begun else command(settings, hw, run)
        finish(again)
        found = differences(wholes[hw], run)
        failed += bool(found)
        print(f"{hw:12} {after:10.1f} s  {doing:28} {step:>12}  {', '.join(found) or 'yes'}", flush=True)
    done = settings.kills - settings.first
    print(f"{done - failed} of {done} as if nothing had happened")
    return failed


PYTHON = [sys.executable, "-m", "pib_rl.train"]


def command(settings: Settings, hw: str, out: Path) -> list[str]:
    """The training."""
    arguments = ["--hw", hw, "--timesteps", str(settings.timesteps), "--checkpoint-every", settings.every]
    return [*PYTHON, settings.env, *arguments, *settings.more.split(), "--out", str(out), "--no-progress"]


def finish(training: list[str]) -> None:
    """Runs a process to its end.

    Raises:
        SystemExit: If it fails, with what it said.
    """
    done = subprocess.run(training, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(training)}\n{done.stderr}")


def stop(training: list[str], after: float) -> None:
    """Begins a process and kills it after so many CPU seconds, unless it has ended by then."""
    process = subprocess.Popen(training, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        if cpu_seconds(process.pid) >= after:
            process.kill()
        time.sleep(0.005)


def cpu_seconds(pid: int) -> float:
    """CPU time of a process that is not waited for yet."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def children_seconds() -> float:
    """CPU time of all processes that this one began and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def phase(run: Path) -> tuple[str, str]:
    """What a run was doing, from what it left, and where it goes on."""
    if (run / "result.json").exists():
        return "had ended", "-"
    if not (run / "config.yaml").exists():
        return "began: imports, fabrication", "the start"
    steps = sorted(int(path.stem) for path in (run / "checkpoints").glob("[0-9]*.safetensors"))
    if not steps:
        return "trained, first checkpoint", "step 0"
    return ("final evaluation" if (run / POLICIES[0]).exists() else "trained"), f"step {steps[-1]}"


def differences(one: Path, two: Path) -> list[str]:
    """Names of files in which two finished runs differ, times apart."""
    found = [] if result(one) == result(two) else ["result.json"]
    found += [name for name in POLICIES if not same(load_file(one / name), load_file(two / name))]
    found += [] if log(one) == log(two) else ["progress.csv"]
    name = "evaluations.csv"
    return found + ([] if (one / name).read_bytes() == (two / name).read_bytes() else [name])


def result(run: Path) -> dict[str, object]:
    """A result without its time."""
    return {**json.loads((run / "result.json").read_text()), "wall_s": 0}


def log(run: Path) -> list[dict[str, str]]:
    """The rows of a log without times; columns may come in any order."""
    with (run / "progress.csv").open(newline="") as file:
        return [{name: row[name] for name in row if name not in TIMES} for row in csv.DictReader(file)]


def same(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> bool:
    """Whether two policies agree in every bit."""
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


if __name__ == "__main__":
    raise SystemExit(min(1, main(tyro.cli(Settings))))
