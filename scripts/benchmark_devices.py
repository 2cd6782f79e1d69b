"""Measures CartPole on crossbars of published devices, under each programming law: PIB beside frozen units.

    python scripts/benchmark_devices.py [--devices NAME ...] [--programming NAME ...] [--modes NAME ...] [--seeds S ...]
        [--out DIR] [--jobs J]

Prints a Markdown table: mean return of the final policy (greedy, noisy hardware, 100 fresh episodes), how many chips
reach 475, and the writes that devices received, on average and the most written one, with its share of the device's
stated endurance. Finished runs in DIR (default devices) are not repeated. Settings are those that are shipped; what
programming is the default was chosen on seeds 1 and 2.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from pib_rl.physical.memristive.devices import DEVICES
from pib_rl.physical.memristive.programming import PROGRAMMINGS

SEEDS = range(150, 155)
SHOWN = ("reram-es", "pcm", "ecram")
LAWS = ("pulsed", "accumulate", "write-verify")
SOLVED = 475.0


class Job(NamedTuple):
    """One run."""

    device: str
    programming: str
    mode: str
    seed: int

    def folder(self, out: Path) -> Path:
        """Where it goes."""
        return out / f"{self.device}-{self.programming}-{self.mode}-s{self.seed}"


def result(job: Job, out: Path) -> dict[str, Any] | None:
    """Makes the run unless it is finished; a failure is reported and leaves an empty place."""
    folder = job.folder(out)
    command = [
        sys.executable,
        "-m",
        "pib_rl.train",
        "CartPole-v1",
        "--hw",
        f"memristive:{job.device}",
        "--hw-options",
        f"programming={job.programming}",
        "--learner",
        job.mode,
        "--seed",
        str(job.seed),
        "--out",
        str(folder),
        "--no-progress",
    ]
    if not (folder / "result.json").is_file():
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"}
        )
        if done.returncode:
            tqdm.write((done.stderr.strip().splitlines() or [f"{folder}: exit code {done.returncode}"])[-1], sys.stderr)
            return None
    found: dict[str, Any] = json.loads((folder / "result.json").read_text())
    return found


def row(device: str, programming: str, mode: str, results: list[dict[str, Any]]) -> str:
    """One line of the table."""
    if not results:
        return f"| {device} | {programming} | {mode} | - | - | - | - | - |"
    finals = [found["eval_mean"] for found in results]
    most = max(found["writes_max_per_device"] for found in results)
    used = max((found["endurance_used"] or 0.0) for found in results)
    mean = statistics.mean(found["writes_mean_per_device"] for found in results)
    return (
        f"| {device} | {programming} | {mode} | {', '.join(f'{final:.0f}' for final in finals)} | "
        f"{sum(final >= SOLVED for final in finals)} of {len(finals)} | {mean:,.0f} | {most:,.0f} | {used:.0e} |"
    )


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", nargs="+", default=SHOWN, choices=list(DEVICES), metavar="NAME")
    parser.add_argument("--programming", nargs="+", default=LAWS, choices=list(PROGRAMMINGS), metavar="NAME")
    parser.add_argument("--modes", nargs="+", default=("pib", "frozen"), metavar="NAME")
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS, metavar="S")
    parser.add_argument("--out", type=Path, default=Path("devices"))
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    return parser.parse_args()


def main() -> None:
    options = read_arguments()
    kinds = list(product(options.devices, options.programming, options.modes))
    jobs = [Job(*kind, seed) for seed in options.seeds for kind in kinds]
    with ThreadPoolExecutor(options.jobs) as pool:
        found = dict(
            zip(
                jobs,
                tqdm(pool.map(lambda job: result(job, options.out), jobs), total=len(jobs), unit="run"),
                strict=True,
            )
        )
    print("| device | programming | units | final return | >= 475 | writes a device | most | of its endurance |")
    print("|---|---|---|---|---|---|---|---|")
    for kind in kinds:
        results = [found[Job(*kind, seed)] for seed in options.seeds]
        print(row(*kind, [one for one in results if one is not None]), flush=True)


if __name__ == "__main__":
    main()
