"""CPU time of a simulated measurement: each substrate beside the plain matrix product of the same size.

    python scripts/substrate_time.py [--rounds N]

A batch of 256 samples passes media and arrays of 512 inputs and 512 outputs, and of 64 by 64; a memristive unit is a
medium and an array. The plain product is x @ W.T of the same sizes in the same process, one torch thread. "Products
alone" is what the real matrix products take that a measurement can't do without: two where noise is relative to each
conductance, three or four where a matrix is complex, as many again for a second speckle pattern. All take turns; ratios
are those of medians, beside them those of minima.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from timing import Aim, Report, cpu, ratio, run_alone, table, take_turns
from torch import Tensor

from pib_rl.common.streams import Streams
from pib_rl.physical import registry
from pib_rl.physical.meter import Meter

SAMPLES, SIZES, REPEATS = 256, (512, 64), 5
PRODUCT = "plain product"
BENCH: dict[str, Any] = {  # imperfections of an optical bench that any modulator can have
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
LIQUID: dict[str, Any] = {"phase_bits": 8, "crosstalk": 1.0}
MEDIA: dict[str, dict[str, Any]] = {
    "default": {},
    "all on, one pattern": BENCH | LIQUID,
    "all on, two patterns": BENCH | LIQUID | {"modes": 2},
    "all on, mirrors, two patterns": BENCH | {"modulator": "dmd", "modes": 2},
}
CHIPS: dict[str, dict[str, Any]] = {
    "default": {},
    "all on": {
        "device": "reram-es",
        "relative_read_noise": 0.02,
        "wire_resistance_ohm": 0.35,
        "adc_inl": 0.004,
        "adc_noise": 0.002,
        "dac_inl": 0.004,
        "dac_noise": 0.002,
    },
}
AIMS = {
    ("memristive unit, all on", 512): 2.0,
    ("memristive unit, all on", 64): 4.0,
    ("optical medium, all on, one pattern", 512): 4.0,
    ("optical medium, all on, one pattern", 64): 6.0,
    ("optical medium, all on, two patterns", 512): 4.0,
    ("optical medium, all on, two patterns", 64): 6.0,
}


class Timed(NamedTuple):
    """A measurement, and the matrices, shape (..., in, out), that it can't do without."""

    measure: Callable[[Tensor], Tensor]
    matrices: list[Tensor]


def memristive(size: int) -> dict[str, Timed]:
    """Arrays, media and units, by name."""
    timed = {}
    for name, options in CHIPS.items():
        chip = registry.make("memristive", options, Streams(0), Meter())
        medium: Any = chip.make_medium(size, size)
        array: Any = chip.make_array(size, size)
        matrices = [array.difference.mT, *([array.squares.mT] if options else [])]
        timed[f"memristive array, {name}"] = Timed(array.measure, matrices)
        timed[f"memristive medium, {name}"] = Timed(medium.measure, [])
        timed[f"memristive unit, {name}"] = Timed(partial(_unit, medium, array), matrices)
    return timed


def _unit(medium: Any, array: Any, drive: Tensor) -> Tensor:
    outputs: Tensor = array.measure(medium.measure(drive))
    return outputs


def optical(size: int) -> dict[str, Timed]:
    """Media of as many camera pixels as drives, by name."""
    timed = {}
    for name, options in MEDIA.items():
        bench = registry.make("optical", options | {"camera_pixels": size}, Streams(0), Meter())
        medium: Any = bench.make_medium(size, size)
        timed[f"optical medium, {name}"] = Timed(
            medium.measure, list(medium.folded.view(-1, *medium.folded.shape[-2:]))
        )
    return timed


def products(matrices: list[Tensor], generator: torch.Generator) -> Callable[[], None]:
    """All products with a batch."""
    batches = [torch.randn(SAMPLES, matrix.shape[-2], generator=generator) for matrix in matrices]

    def run_all() -> None:
        for batch, matrix in zip(batches, matrices, strict=True):
            batch @ matrix

    return run_all


def repeated(call: Callable[[], object]) -> Callable[[int], float]:
    """CPU seconds of some calls in a row."""
    return lambda _: cpu(lambda: [call() for _ in range(REPEATS)])


def measure(size: int, rounds: int) -> tuple[list[tuple[str, ...]], list[Aim]]:
    """Rows of the table for one size, and the aims of that size."""
    generator = torch.Generator().manual_seed(0)
    x, weights = (torch.randn(n, size, generator=generator) for n in (SAMPLES, size))
    timed = {**memristive(size), **optical(size)}
    calls = {PRODUCT: repeated(lambda: x @ weights.T)}
    for name, one in timed.items():
        calls[name] = repeated(partial(one.measure, x))
        calls[f"{name}: products"] = repeated(products(one.matrices, generator))
    seconds = take_turns(calls, range(rounds), first=3)
    sizes, rows = f"{size} x {size}", list[tuple[str, ...]]()
    for name in timed:
        needed = f"{ratio(seconds, f'{name}: products', PRODUCT):.2f}" if timed[name].matrices else "-"
        medians, minima = (f"{ratio(seconds, name, PRODUCT, of):.2f}" for of in (statistics.median, min))
        rows.append((sizes, name, needed, medians, minima))
    aims = [
        Aim(f"{name}, {sizes}, over the product", ratio(seconds, name, PRODUCT), bound)
        for (name, of), bound in AIMS.items()
        if of == size
    ]
    return rows, aims


def report(rounds: int = 40) -> Report:
    """All sizes."""
    found = [measure(size, rounds) for size in SIZES]
    head = ("size", "", "products alone", "of the plain product", "of minima")
    return Report(table(head, [row for rows, _ in found for row in rows]), [aim for _, aims in found for aim in aims])


if __name__ == "__main__":
    run_alone("substrate_time", __doc__, report, rounds=40)
