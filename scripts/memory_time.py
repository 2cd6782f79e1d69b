"""Times large measurements with freed memory kept in the process (`pib_rl.cli.process.settle_in`) and given back.

    python scripts/memory_time.py

Each way in processes of its own, in turn, three times; prints the best time of each and their ratio.
"""

from __future__ import annotations

import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import torch

from pib_rl.agents.network.chip import ChipConfig
from pib_rl.agents.network.network import Network
from pib_rl.cli.process import settle_in
from pib_rl.common.streams import Streams
from pib_rl.physical import registry
from pib_rl.physical.meter import Meter

SAMPLES, FEATURES, WIDTH, UNITS = 5632, 8, 64, 2  # what a re-fit measures on LunarLander


@torch.inference_mode()
def seconds(hw: str, keep: bool) -> float:
    """Best of five passes, in seconds."""
    settle_in() if keep else torch.set_num_threads(1)
    network = Network(registry.make(hw, {}, Streams(0), Meter()), FEATURES, ChipConfig(width=WIDTH, units=UNITS))
    x, best = torch.zeros(SAMPLES, FEATURES), float("inf")
    for _ in range(5):
        start = time.perf_counter()
        network.measure(x)
        best = min(best, time.perf_counter() - start)
    return best


def main() -> None:
    print(f"{SAMPLES} samples, {UNITS} units of width {WIDTH}, torch {torch.__version__}")
    for hw in ("memristive", "optical"):
        best = {}
        for keep in (False, True) * 3:
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                best[keep] = min(best.get(keep, float("inf")), pool.submit(seconds, hw, keep).result())
        print(
            f"{hw}: given back {1e3 * best[False]:.1f} ms, kept {1e3 * best[True]:.1f} ms, "
            f"ratio {best[True] / best[False]:.2f}"
        )


if __name__ == "__main__":
    main()
