"""From pulses.csv to a trained policy and its film: how long the three commands of docs/own_device.md take.

python scripts/three_commands.py [--device reram-sb] [--seed 200]

The pulses are simulated, as `fit_check.py` does it: 5 devices, 3 cycles.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from fit_check import write_pulses
from timing import Parser, table

from pib_rl.cli.cli import run
from pib_rl.physical.memristive.devices import DEVICES


class Spent(NamedTuple):
    """What a command took: seconds by the clock and of all processors."""

    wall_s: float
    cpu_s: float


def commands(folder: Path, timesteps: int | None) -> list[list[str]]:
    """The three, in this order."""
    device, policy = folder / "my-device.yaml", folder / "run"
    steps = [] if timesteps is None else ["--timesteps", str(timesteps)]
    return [
        ["fit", str(folder / "pulses.csv"), "--out", str(device)],
        ["train", "CartPole-v1", "--hw", f"memristive:{device}", "--out", str(policy), *steps],
        ["play", str(policy), "--render", "gif"],
    ]


def measure(command: list[str]) -> Spent:
    """Runs one command; CalledProcessError if it fails."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run([sys.executable, "-m", "pib_rl", *command, "--no-progress"], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Spent(time.monotonic() - start, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def report(device: str, seed: int, timesteps: int | None = None) -> list[str]:
    """The lines of the table, and of what the policy reached."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_pulses(folder / "pulses.csv", DEVICES[device], seed=seed)
        for command in commands(folder, timesteps):
            spent = measure(command)
            rows.append((f"`pib-rl {command[0]}`", f"{spent.wall_s:.0f}", f"{spent.cpu_s:.0f}"))
        reached = json.loads((folder / "run" / "result.json").read_text(encoding="utf-8"))["eval_mean"]
    sums = [f"{sum(float(row[at]) for row in rows):.0f}" for at in (1, 2)]
    return [*table(("command", "seconds", "CPU seconds"), [*rows, ("all", *sums)]), "", f"final return {reached:.1f}"]


def main(arguments: list[str]) -> None:
    parser = Parser(__doc__)
    parser.add_argument("--device", default="reram-sb", choices=list(DEVICES), metavar="PRESET")
    parser.add_argument("--seed", type=int, default=200, help="of the simulated pulses")
    found = parser.parse_args(arguments)
    print("\n".join(report(found.device, found.seed)))


if __name__ == "__main__":
    run("three_commands", main)
