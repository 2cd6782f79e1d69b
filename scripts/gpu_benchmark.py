"""Large hardware on an accelerator: reads and training as rates, beside the plain products of the same sizes.

    python scripts/gpu_benchmark.py [--only ROW ...] [--small] [--device DEV] [--rounds N]

On CUDA: a memristive unit of 16,384 x 16,384, optics of a million camera pixels, 1,024 chips that learn CartPole side
by side; under five minutes. Without CUDA the same on one CPU thread, smaller: 2,048 x 2,048, 100,000 pixels, 64 chips.
"Of the plain product" is the time of the plain matrix product of the same sizes over that of the read, so 1 is as fast
as the product. Peak memory is that of the device; of a CPU it is the memory that the process holds after the row.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import psutil
import torch
from timing import Parser, progress, table, versions, whole
from torch import Tensor

from pib_rl.cli.cli import mistakes, run
from pib_rl.cli.process import check_device, settle_in
from pib_rl.common.streams import Streams
from pib_rl.physical import registry
from pib_rl.physical.meter import Meter
from pib_rl.training.config import settle
from pib_rl.training.loop import close
from pib_rl.training.run import prepare

ENV, DRIVES, PICTURES, SAMPLES, GIGA = "CartPole-v1", 64, 64, 256, 1e9


@dataclass(frozen=True)
class Sizes:
    """How large the hardware is: inputs and outputs of the memristive unit, camera pixels, chips."""

    width: int
    pixels: int
    chips: int


ACCELERATOR, PROCESSOR, SMALL = Sizes(16_384, 10**6, 1024), Sizes(2048, 10**5, 64), Sizes(128, 1000, 2)


class Speed(NamedTuple):
    """What a row of the table shows: a rate, its unit, and it beside that of the plain product."""

    what: str
    rate: float
    unit: str
    of_product: float | None = None


class Clock:
    """Times calls on a device: CPU seconds, or seconds until an accelerator is done."""

    def __init__(self, device: str, rounds: int) -> None:
        self.device, self.cuda, self.rounds = device, device.startswith("cuda"), rounds

    def now(self) -> float:
        """Seconds, once all that was started is done."""
        if not self.cuda:
            return time.process_time()
        torch.cuda.synchronize(self.device)
        return time.perf_counter()

    def once(self, call: Callable[[], object]) -> float:
        """Seconds of one call."""
        start = self.now()
        call()
        return self.now() - start

    def compare(self, call: Callable[[], object], product: Callable[[], object]) -> tuple[float, float]:
        """Median seconds of a call, and of the plain product over it, in turns after a first one."""
        turns = [(self.once(call), self.once(product)) for _ in range(self.rounds + 1)][1:]
        seconds, plain = (statistics.median(column) for column in zip(*turns, strict=True))
        return seconds, plain / seconds


@torch.inference_mode()
def memristive(sizes: Sizes, device: str, clock: Clock) -> Iterator[Speed]:
    """A unit of linear devices, medium and array, reads a batch; then all of its weights are written."""
    width = sizes.width
    chip = registry.make("memristive", {}, Streams(0), Meter())
    medium: Any = chip.make_medium(width, width).to(device)
    array: Any = chip.make_array(width, width).to(device)
    x = torch.randn(SAMPLES, width, generator=torch.Generator().manual_seed(0)).to(device)
    weights = array.weights().clone()
    seconds, fraction = clock.compare(lambda: array.measure(medium.measure(x)), lambda: x @ weights.mT)
    yield Speed(f"memristive unit, {width:,} x {width:,}, read", SAMPLES / seconds, "samples/s", fraction)
    change = weights.mul_(1e-3)
    seconds = statistics.median(clock.once(lambda: array.program(change)) for _ in range(clock.rounds))
    yield Speed("the same, all weights written", width**2 / seconds, "weights/s")


@torch.inference_mode()
def optical(sizes: Sizes, device: str, clock: Clock) -> Iterator[Speed]:
    """A medium of one large camera takes a batch of pictures."""
    bench = registry.make("optical", {"camera_pixels": sizes.pixels}, Streams(0), Meter())
    medium = bench.make_medium(DRIVES, DRIVES).to(device)
    x, weights = (
        torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(device)
        for shape in ((PICTURES, DRIVES), (DRIVES, sizes.pixels))
    )
    seconds, fraction = clock.compare(lambda: medium.measure(x), lambda: x @ weights)
    yield Speed(f"optics, {sizes.pixels:,} camera pixels, {DRIVES} drives", PICTURES / seconds, "pictures/s", fraction)


def wafer(sizes: Sizes, device: str, clock: Clock) -> Iterator[Speed]:
    """Memristive chips read one step of all their environments, and learn for one rollout after a first one."""
    config = settle(ENV, "pib", "memristive", {"seed": 0, "chips": sizes.chips, "looks": 0, "device": device})
    agent = prepare(config)
    steps = agent.n_steps * agent.envs_per_chip
    agent.learn(steps)
    network = agent.policy.model.network
    x = torch.randn(sizes.chips, agent.envs_per_chip, network.in_features, device=device)
    with torch.inference_mode():
        pairs = list(products(network, x))
        read = clock.compare(lambda: network.measure(x), lambda: [batch @ matrix for batch, matrix in pairs])
    yield Speed(f"{sizes.chips:,} chips, one step of all", x.shape[0] * x.shape[1] / read[0], "samples/s", read[1])
    seconds = clock.once(lambda: agent.learn(steps, reset_num_timesteps=False))
    yield Speed(f"{sizes.chips:,} chips on CartPole, training", steps * sizes.chips / seconds, "steps/s")
    close(agent)


def products(network: Any, x: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """What the arrays of all chips multiply for inputs x: batches and matrices of the same sizes."""
    for unit in network.chain:
        matrix = unit.array.weights().mT.clone()
        yield x.new_ones(*x.shape[:-1], matrix.shape[-2]), matrix


ROWS: dict[str, Callable[[Sizes, str, Clock], Iterator[Speed]]] = {
    "memristive": memristive,
    "optical": optical,
    "wafer": wafer,
}


def memory(device: str) -> float:
    """Peak memory of an accelerator, or what this process holds now, in bytes."""
    if device.startswith("cuda"):
        return float(torch.cuda.max_memory_allocated(device))
    return float(psutil.Process().memory_info().rss)


def measure(row: str, sizes: Sizes, device: str, clock: Clock) -> list[tuple[str, ...]]:
    """Lines of the table for one kind of hardware."""
    if clock.cuda:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    lines: list[tuple[str, ...]] = []
    for speed in ROWS[row](sizes, device, clock):
        beside = "-" if speed.of_product is None else f"{speed.of_product:.2f}"
        lines.append((speed.what, f"{speed.rate:,.0f} {speed.unit}", beside, f"{memory(device) / GIGA:.2f}"))
    gc.collect()
    return lines


def main(arguments: list[str]) -> None:
    parser = Parser(__doc__)
    parser.add_argument("--only", nargs="+", choices=ROWS, default=list(ROWS), metavar="ROW", help="rows to measure")
    parser.add_argument("--small", action="store_true", help="tiny hardware, to see that it works")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="cpu, cuda or cuda:N")
    parser.add_argument("--rounds", type=whole(1), default=10)
    given = parser.parse_args(arguments)
    with mistakes():
        check_device(given.device)
    clock = Clock(given.device, given.rounds)
    name = torch.cuda.get_device_name(given.device) if clock.cuda else "CPU, one thread, smaller sizes than on CUDA"
    if not clock.cuda:
        settle_in()
    sizes = SMALL if given.small else ACCELERATOR if clock.cuda else PROCESSOR
    print(f"{name}; {versions()}", flush=True)
    with mistakes(RuntimeError, MemoryError):
        found = map(partial(measure, sizes=sizes, device=given.device, clock=clock), progress(given.only, "row"))
        lines = [line for row in found for line in row]
    print(*table(("what", "rate", "of the plain product", "peak memory, GB"), lines), sep="\n")


if __name__ == "__main__":
    run("gpu_benchmark", main)
