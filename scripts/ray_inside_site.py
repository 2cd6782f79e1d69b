"""What a batch costs on its way through a process: a Ray actor beside a plain process with ZeroMQ, as sites are.

    python scripts/ray_inside_site.py [--batches 2000] [--under-way 8] [--out docs/results/ray-inside-site.csv]

A batch of 256 samples of 128 codes goes to a process that answers with as many, which a unit would have measured. Eight
batches are under way. For each batch: wall-clock time, and CPU time of all processes; and the time to the first answer.
Needs the extra `distributed`. Run it on an otherwise idle machine.
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import os
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
import zmq

BATCH = np.arange(256 * 128, dtype=np.uint8).reshape(256, 128)
Exchange = Callable[[], Callable[[], np.ndarray]]  # sends a batch; what waits for its answer


def answer(batch: np.ndarray) -> np.ndarray:
    """What stands for a unit: it reads every code and gives as many."""
    return np.asarray(batch ^ 1)


def serve(address: str) -> None:
    """A plain process that answers."""
    socket = zmq.Context.instance().socket(zmq.PAIR)
    socket.connect(address)
    while data := socket.recv():
        socket.send(answer(np.frombuffer(data, np.uint8).reshape(BATCH.shape)).tobytes())


@contextmanager
def plain() -> Iterator[Exchange]:
    """A process with a socket of its own, as a site has, without encryption."""
    with tempfile.TemporaryDirectory() as folder:
        address = f"ipc://{folder}/unit"
        process = multiprocessing.get_context("fork").Process(target=serve, args=(address,))
        process.start()  # before this process has threads
        with zmq.Context() as context, context.socket(zmq.PAIR) as socket:
            socket.bind(address)

            def exchange() -> Callable[[], np.ndarray]:
                socket.send(BATCH.tobytes())
                return lambda: np.frombuffer(socket.recv(), np.uint8).reshape(BATCH.shape)

            try:
                yield exchange
            finally:
                socket.send(b"")
                process.join()


@contextmanager
def actor() -> Iterator[Exchange]:
    """A Ray actor on this machine."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    ray.init(num_cpus=2, include_dashboard=False, logging_level="ERROR")
    try:
        unit = ray.remote(Answering).remote()

        def exchange() -> Callable[[], np.ndarray]:
            promised = unit.answer.remote(BATCH)
            return lambda: ray.get(promised)

        yield exchange
    finally:
        ray.shutdown()


class Answering:
    """What Ray makes an actor of."""

    def answer(self, batch: np.ndarray) -> np.ndarray:
        return answer(batch)


def cpu_seconds() -> float:
    """CPU time of this process and of all that it started and that still run."""
    own = psutil.Process()
    times = [one.cpu_times() for one in (own, *own.children(recursive=True))]
    return sum(each.user + each.system for each in times)


def measured(name: str, batches: int, under_way: int) -> dict[str, float | str]:
    """One row."""
    begun = time.perf_counter()
    with {"plain process": plain, "Ray actor": actor}[name]() as exchange:
        assert np.array_equal(exchange()(), answer(BATCH))
        ready = time.perf_counter() - begun
        waiting: deque[Callable[[], np.ndarray]] = deque()
        start, cpu = time.perf_counter(), cpu_seconds()
        for _ in range(batches):
            waiting.append(exchange())
            if len(waiting) > under_way:
                waiting.popleft()()
        while waiting:
            waiting.popleft()()
        wall, spent = time.perf_counter() - start, cpu_seconds() - cpu
    return {
        "process": name,
        "first_answer_s": round(ready, 2),
        "wall_ms": round(1e3 * wall / batches, 3),
        "cpu_ms": round(1e3 * spent / batches, 3),
    }


def main() -> None:
    """Measures both and shows a table."""
    parser = argparse.ArgumentParser(prog="ray_inside_site.py", allow_abbrev=False)
    parser.add_argument("--batches", type=int, default=2000)
    parser.add_argument("--under-way", type=int, default=8)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    rows = [measured(name, given.batches, given.under_way) for name in ("plain process", "Ray actor")]
    print("| | first answer, s | ms per batch | CPU ms per batch |\n|---|---|---|---|")
    for row in rows:
        print(f"| {' | '.join(map(str, row.values()))} |")
    if given.out is not None:
        with given.out.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
