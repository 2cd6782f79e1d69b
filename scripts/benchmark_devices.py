"""Measures CartPole on crossbars of published devices, under each programming law: PIB beside frozen units.

    python scripts/benchmark_devices.py [--devices NAME ...] [--programming NAME ...] [--learners NAME ...]
        [--seeds S ...] [--out DIR] [--jobs J]

Prints a Markdown table: mean return of the final policy (greedy, noisy hardware, 100 fresh episodes), how many chips
reach 475, and the writes that devices received, on average and the most written one, with its share of the device's
stated endurance. Finished runs in DIR (default devices) are not repeated. Settings are those that are shipped; what
programming is the default was chosen on seeds 1 and 2.
"""

from __future__ import annotations

import argparse
import os
import statistics
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import jobs

from pib_rl.physical.memristive.devices import DEVICES
from pib_rl.physical.memristive.programming import PROGRAMMINGS

SEEDS = range(150, 155)
SHOWN = ("reram-es", "pcm", "ecram")
LAWS = ("pulsed", "accumulate", "write-verify")
SOLVED = 475.0


def result(device: str, programming: str, learner: str, seed: int, out: Path) -> dict[str, Any]:
    """Of one run, which is made unless it is finished."""
    chip = ["--hw", f"memristive:{device}", "--hw-options", f"programming={programming}"]
    folder = out / f"{device}-{programming}-{learner}-s{seed}"
    return jobs.make_run(folder, "train", "CartPole-v1", *chip, "--learner", learner, "--seed", seed)


def row(device: str, programming: str, learner: str, results: list[dict[str, Any]]) -> str:
    """One line of the table."""
    if not results:
        return f"| {device} | {programming} | {learner} | - | - | - | - | - |"
    finals = [found["eval_mean"] for found in results]
    most = max(found["writes_max_per_device"] for found in results)
    used = max((found["endurance_used"] or 0.0) for found in results)
    mean = statistics.mean(found["writes_mean_per_device"] for found in results)
    return (
        f"| {device} | {programming} | {learner} | {', '.join(f'{final:.0f}' for final in finals)} | "
        f"{sum(final >= SOLVED for final in finals)} of {len(finals)} | {mean:,.0f} | {most:,.0f} | {used:.0e} |"
    )


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", nargs="+", default=SHOWN, choices=list(DEVICES), metavar="NAME")
    parser.add_argument("--programming", nargs="+", default=LAWS, choices=list(PROGRAMMINGS), metavar="NAME")
    parser.add_argument("--learners", nargs="+", default=("pib", "frozen"), metavar="NAME")
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS, metavar="S")
    parser.add_argument("--out", type=Path, default=Path("devices"))
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    return parser.parse_args()


def main() -> None:
    options = read_arguments()
    kinds = list(product(options.devices, options.programming, options.learners))
    plan = [(*kind, seed) for seed in options.seeds for kind in kinds]
    found, failed = jobs.side_by_side({one: partial(result, *one, options.out) for one in plan}, options.jobs)
    print("| device | programming | units | final return | >= 475 | writes a device | most | of its endurance |")
    print("|---|---|---|---|---|---|---|---|")
    for kind in kinds:
        print(row(*kind, [found[(*kind, seed)] for seed in options.seeds if (*kind, seed) in found]), flush=True)
    jobs.end(failed)


if __name__ == "__main__":
    main()
