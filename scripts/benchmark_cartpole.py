"""Measures the CartPole tables of the README: final policies on fresh seeds, frozen units beside them.

    python scripts/benchmark_cartpole.py --seeds 100 101 102 103 104 --jobs 2 --out runs/cartpole

Each run is `python -m pib_rl.train` in a process of its own. Finished runs are not repeated, a failed one is
reported and the others go on. Seeds 0-19 were used for tuning: do not report them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

from tqdm import tqdm

SUBSTRATES = ("digital", "memristive", "optical")
TASKS = {
    "CartPole-v1, width 64, 80k steps": ["--timesteps", "80000"],
    "CartPole-v1 + 32 noise dimensions, width 16, 100k steps":
        ["--timesteps", "100000", "--distractors", "32", "--width", "16"],
}


def run(job: tuple[str, str, str, int], out: Path) -> dict | None:
    task, hw, mode, seed = job
    folder = out / f"{'noise' if 'noise' in task else 'plain'}-{hw}-{mode}-s{seed}"
    command = [sys.executable, "-m", "pib_rl.train", "CartPole-v1", "--hw", hw, "--mode", mode, "--seed", str(seed),
               "--out", str(folder), "--no-progress", *TASKS[task]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"failed: {' '.join(command)}\n{done.stderr.strip()}", file=sys.stderr)
        return None
    return json.loads((folder / "result.json").read_text())


def row(hw: str, mode: str, results: list[dict | None]) -> str:
    known = [result for result in results if result]
    finals = [result["eval_mean"] for result in known]
    solved = [result["solved_at_step"] for result in known]
    reached = [step for step in solved if step is not None]
    first = f"{statistics.median(reached):,.0f} ({len(reached)} of {len(known)})" if reached else "never"
    return (f"| {hw} | {mode} | {', '.join(f'{value:.0f}' for value in finals)} | "
            f"{sum(value >= 475 for value in finals)} of {len(results)} | "
            f"{', '.join(f'''{result['eval_mean_noiseless']:.0f}''' for result in known)} | {first} | "
            f"{statistics.mean(result['measurements'] for result in known) / 1e6:.1f} M | "
            f"{statistics.mean(result['writes'] for result in known) / 1e6:.1f} M |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[100, 101, 102, 103, 104])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("runs/cartpole"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    jobs = list(product(TASKS, SUBSTRATES, ("pib", "frozen"), options.seeds))
    with ThreadPoolExecutor(options.jobs) as pool:
        results = list(tqdm(pool.map(lambda job: run(job, options.out), jobs), total=len(jobs), unit="run"))
    by_job = dict(zip(jobs, results, strict=True))
    lines = []
    for task in TASKS:
        lines += [f"**{task}**", "",
                  "| substrate | mode | final return, noisy read | >= 475 | final return, mean read "
                  "| first evaluation >= 475 (median step) | measurements | writes |",
                  "|---|---|---|---|---|---|---|---|"]
        for hw, mode in product(SUBSTRATES, ("pib", "frozen")):
            lines.append(row(hw, mode, [by_job[task, hw, mode, seed] for seed in options.seeds]))
        lines.append("")
    text = "\n".join(lines)
    (options.out / "table.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
