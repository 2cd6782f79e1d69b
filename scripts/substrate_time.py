"""CPU time of a simulated measurement: each substrate beside the plain matrix product of the same size.

    python scripts/substrate_time.py

A batch of 256 samples passes a medium of 512 drives and 512 outputs (optical), an array of 512 by 512 (memristive), and
a unit of both with every imperfection on (memristive). The plain product is x @ W.T of 256 x 512 and 512 x 512 in the
same process, one torch thread, set up as the commands are. CPU time counts: what else the machine runs takes none of
it, only some of the caches. All take turns. A ratio is that of medians, beside it that of minima.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

from pib_rl.cli.process import settle_in
from pib_rl.common.streams import Streams
from pib_rl.physical import registry
from pib_rl.physical.meter import Meter

SAMPLES, FEATURES = 256, 512
EVERY: dict[str, Any] = {  # imperfections of an optical bench that any modulator can have
    "modes": 2,
    "constant_phasor": 0.1,
    "unmodulated": 0.05,
    "laser_noise": 0.01,
    "laser_drift": 0.01,
    "decorrelation_time_s": 100.0,
    "camera_shift_pixels": 0.3,
    "dead_pixels": 0.01,
    "read_noise_electrons": 2.0,
    "full_well_electrons": 5000.0,
    "quantum_efficiency": 0.8,
}
WORST: dict[str, Any] = {"device": "reram-es", "relative_read_noise": 0.02, "wire_resistance_ohm": 0.35}
LIQUID: dict[str, Any] = {"phase_bits": 8, "crosstalk": 1.0}
MEDIA: dict[str, tuple[str, dict[str, Any]]] = {
    "optical medium, default": ("optical", {}),
    "optical medium, all imperfections of one pattern": ("optical", {**EVERY, **LIQUID, "modes": 1}),
    "optical medium, all imperfections, two patterns": ("optical", {**EVERY, **LIQUID}),
    "optical medium, mirrors, all imperfections, two patterns": ("optical", {**EVERY, "modulator": "dmd"}),
}


def substrates() -> dict[str, Callable[[torch.Tensor], torch.Tensor]]:
    """What is timed, by name."""
    timed: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {}
    for name, (hw, options) in MEDIA.items():
        timed[name] = registry.make(hw, options, Streams(0), Meter()).make_medium(FEATURES, FEATURES).measure
    chip = registry.make("memristive", WORST, Streams(0), Meter())
    medium, array = chip.make_medium(FEATURES, FEATURES), chip.make_array(FEATURES, FEATURES)
    timed["memristive unit, all imperfections"] = lambda x: array.measure(medium.measure(x))
    for preset in ("", *(f":{known}" for known in registry.find("memristive").presets)):
        chip = registry.make(f"memristive{preset}", {}, Streams(0), Meter())
        timed[f"memristive{preset} array"] = chip.make_array(FEATURES, FEATURES).measure
    return timed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=100)
    rounds = parser.parse_args().rounds
    settle_in()
    generator = torch.Generator().manual_seed(0)
    x, weights = (torch.randn(n, FEATURES, generator=generator) for n in (SAMPLES, FEATURES))
    timed = {"plain product": lambda x: x @ weights.T, **substrates()}
    seconds: dict[str, list[float]] = {name: [] for name in timed}
    for turn in range(rounds + 3):
        for name, measure in timed.items():
            start = time.thread_time()
            measure(x)
            if turn >= 3:
                seconds[name].append(time.thread_time() - start)
    plain = seconds["plain product"]
    print("| | ms, median | of the plain product | of minima |\n|---|---|---|---|")
    for name, seen in seconds.items():
        median, least = statistics.median(seen), min(seen)
        ratios = f"{median / statistics.median(plain):.2f} | {least / min(plain):.2f}"
        print(f"| {name} | {1e3 * median:.2f} | {ratios} |")


if __name__ == "__main__":
    main()
