"""How many units and sites a network can have: a simulation fitted to measured costs, for docs/scaling.md.

    python scripts/scaling_study.py measure [--costs FILE.json]     CPU costs of this machine
    python scripts/scaling_study.py check --rows sites.csv          simulated beside what sites_benchmark.py measured
    python scripts/scaling_study.py simulate [--out FOLDER]         table and figure, 10 to 10,000 units, 1 to 100 sites

What is simulated: batches stream through sites in series. Each site is one processor, and so is the coordinator, which
every message passes and where the readout is. A message costs CPU time at both ends, in proportion to its bytes; on a
link it waits for the bytes in front of it, and arrives a latency later. At most ``staleness`` + 1 batches are under
way. Backpropagation does the same, and its gradients travel back through all sites.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")

import matplotlib.pyplot as plt
import numpy as np
import simpy
import torch
import zmq

from pib_rl.agents.estimators.supervised import PIBClassifier
from pib_rl.agents.split.backward import make_segment
from pib_rl.agents.split.learner import SplitPIB
from pib_rl.agents.split.lines import LocalLine
from pib_rl.agents.split.message import Message
from pib_rl.agents.split.network import SplitNetwork
from pib_rl.agents.split.pipeline import Pipeline
from pib_rl.cli.cli import run
from pib_rl.cli.process import settle_in
from pib_rl.sites.wire import pack, unpack

BATCH, INPUTS, CLASSES = 256, 784, 10
UNITS, SITES = (10, 100, 1000, 10_000), (1, 3, 10, 30, 100)
HEADER = 700  # bytes of a message that are no codes
REPEATS = 30
COSTS = Path(__file__).parents[1] / "docs/results/scaling-costs.json"
LINKS = {"one room": (0.0002, 1000.0), "two towns": (0.01, 100.0), "two continents": (0.1, 10.0)}


class Costs(NamedTuple):
    """Seconds of one processor, measured with batches of 256.

    Args:
        width: Outputs of each unit.
        first: A batch in unit 1, whose inputs are those of the data.
        unit: A batch in any other one.
        readout: A batch in the readout, for each unit that it reads.
        rest: A batch of what is done once for each.
        message: A message at each of its ends.
        byte: A byte of it at each of its ends: codes, checks, encryption.
    """

    width: int
    first: float
    unit: float
    readout: float
    rest: float
    message: float
    byte: float


class Case(NamedTuple):
    """What is simulated.

    Args:
        units: Units of each site, front to back.
        local: Units with the coordinator, behind those of the sites.
        latency: Seconds from a site to the coordinator.
        mbit: Of each site's link, in each direction, in Mbit/s; 0 for no limit.
        staleness: Batches that may be under way beside the one that is waited for.
        backward: Whether gradients travel back.
        taps: How many of the last units the readout reads; 0 for all.
    """

    units: tuple[int, ...]
    local: int = 0
    latency: float = 0.0
    mbit: float = 0.0
    staleness: int = 8
    backward: bool = False
    taps: int = 0


class Link:
    """One direction of a link: bytes leave one after the other, and arrive a latency later."""

    def __init__(self, env: simpy.Environment, case: Case) -> None:
        self._env, self._latency = env, case.latency
        self._rate = case.mbit * 1e6 / 8 if case.mbit else float("inf")
        self._free = 0.0

    def send(self, size: float) -> simpy.Timeout:
        """What happens when the last of these bytes has arrived."""
        self._free = max(self._env.now, self._free) + size / self._rate
        return self._env.timeout(self._free + self._latency - self._env.now)


class Network:
    """Sites in series, and the coordinator that all messages pass.

    Attributes:
        ends: When each batch was through, in s.
        traffic: Bytes over all links so far.
    """

    def __init__(self, costs: Costs, case: Case) -> None:
        self.costs, self.case = costs, case
        self.env = simpy.Environment()
        self.ends: list[float] = []
        self.traffic = 0.0
        self._coordinator = simpy.Resource(self.env)
        self._sites = [simpy.PriorityResource(self.env) for _ in case.units]
        self._there, self._back = ([Link(self.env, case) for _ in case.units] for _ in range(2))
        self._places = simpy.Resource(self.env, case.staleness + 1)
        total = sum(case.units) + case.local
        self._readable = min(total, case.taps or total)

    def run(self, batches: int) -> None:
        """So many batches, one behind the other."""
        self.env.process(self._source(batches))
        self.env.run()

    @property
    def rate(self) -> float:
        """Batches per second while as many are under way as may be: neither at the start nor at the end."""
        edge = self.case.staleness + 1
        inner = self.ends[edge:-edge]
        return (len(inner) - 1) / (inner[-1] - inner[0])

    def _source(self, batches: int) -> Iterator[Any]:
        for _ in range(batches):
            place = self._places.request()
            yield place
            done = self.env.event()
            self.env.process(self._batch(place, done))
            yield from self._work(self._coordinator, 0.0)  # batches enter in order

    def _batch(self, place: Any, done: Any) -> Iterator[Any]:
        costs, case, width = self.costs, self.case, self.costs.width
        size, target = float(BATCH * INPUTS), float(BATCH * CLASSES)
        inner = [BATCH * width * count for count in self._tapped()]
        taps: list[Any] = []
        for site, count in enumerate(case.units):
            yield from self._work(self._coordinator, self._handled(size) + self._handled(target))
            yield self._send(self._there[site], size + target)
            work = costs.unit * count + (costs.first - costs.unit) * (site == 0)
            out = BATCH * width + inner[site]
            yield from self._work(self._sites[site], self._handled(size + target) + work + self._handled(out))
            taps.append(self.env.process(self._return(site, out)))
            yield taps[-1]
            size = float(BATCH * width)
        own = costs.unit * case.local + (costs.first - costs.unit) * (not case.units)
        yield from self._work(self._coordinator, own + costs.rest + costs.readout * self._readable)
        if case.backward:
            yield from self._slopes()
        self._places.release(place)
        self.ends.append(self.env.now)

    def _slopes(self) -> Iterator[Any]:
        """Gradients go back through all sites; a site that gets them works as long again as forwards."""
        size = float(BATCH * self.costs.width)
        yield from self._work(self._coordinator, self.costs.unit * self.case.local)
        for site in reversed(range(len(self.case.units))):
            yield from self._work(self._coordinator, self._handled(size))
            yield self._send(self._there[site], size)
            count = self.case.units[site]
            yield from self._work(self._sites[site], 2 * self._handled(size) + self.costs.unit * count, priority=0)
            if site:
                yield from self._return(site, size)

    def _return(self, site: int, size: float) -> Iterator[Any]:
        yield self._send(self._back[site], size)
        yield from self._work(self._coordinator, self._handled(size))

    def _tapped(self) -> list[int]:
        """How many units of each site the readout reads."""
        left, found = max(0, self._readable - self.case.local), []
        for count in reversed(self.case.units):
            found.append(min(count, left))
            left -= found[-1]
        return found[::-1]

    def _handled(self, size: float) -> float:
        return self.costs.message + self.costs.byte * size

    def _send(self, link: Link, size: float) -> Any:
        self.traffic += size + HEADER
        return link.send(size + HEADER)

    def _work(self, worker: Any, seconds: float, priority: int = 1) -> Iterator[Any]:
        asked = worker.request(priority) if isinstance(worker, simpy.PriorityResource) else worker.request()
        with asked as turn:
            yield turn
            yield self.env.timeout(seconds)


def simulated(costs: Costs, case: Case, batches: int = 0) -> dict[str, float]:
    """Samples per second, MB per batch, and the time that a batch is under way."""
    network = Network(costs, case)
    network.run(batches or 3 * (case.staleness + 1) + 20)
    return {
        "rate": network.rate * BATCH,
        "megabytes": network.traffic / len(network.ends) / 1e6,
        "delay_s": (case.staleness + 1) / network.rate,
    }


def spread(units: int, sites: int) -> tuple[int, ...]:
    """Units of each site, as equal as can be."""
    return tuple(units // sites + (site < units % sites) for site in range(sites))


def measure(width: int) -> Costs:
    """What things cost here, in CPU time."""
    few, many = (timed(units, width) for units in (2, 6))
    readout = max(0.0, (many[1] - few[1]) / 4)
    generator = torch.Generator().manual_seed(0)
    codes = torch.rand(BATCH, INPUTS, generator=generator)
    large, small = (both_ends(Message("feed", {"token": 1}, {"drive": codes[:, :n]})) for n in (INPUTS, 1))
    byte = (large - small) / (BATCH * (INPUTS - 1))
    return Costs(width, many[0][0], statistics.mean(many[0][1:]), readout, max(0.0, few[1] - 2 * readout), small, byte)


def timed(units: int, width: int) -> tuple[list[float], float]:
    """CPU seconds of a batch in every unit, and in all that is not in a unit."""
    generator = np.random.default_rng(0)
    x, y = generator.random((8 * BATCH, INPUTS)), np.arange(8 * BATCH) % CLASSES
    model = PIBClassifier(
        hw="memristive", units=units, width=width, epochs=4, batch_size=BATCH, seed=0, warm_start=True
    )
    model.prepare(x, y)
    spent, arrived, learner = np.zeros(units), threading.Condition(), model.learner_
    lines = [
        LocalLine(make_segment(model.model_, range(k, k + 1), learner), range(k, k + 1), arrived) for k in range(units)
    ]
    for unit, line in enumerate(lines):
        line.segment.run = clocked(line.segment.run, spent, unit)
    model.model_.network = SplitNetwork(model.model_.network, Pipeline(lines, arrived, 0))
    model.learner_ = SplitPIB(model.model_, learner.config, taps=True)
    rounds = [(time.thread_time(), spent.copy())]
    model.fit(x, y, watch=lambda log: rounds.append((time.thread_time(), spent.copy())))
    (began, before), (ended, after) = rounds[1], rounds[-1]
    batches = 8 * (len(rounds) - 2)
    own = (after - before) / batches
    return own.tolist(), (ended - began) / batches - float(own.sum())


def clocked(work: Callable[..., Any], spent: np.ndarray, unit: int) -> Callable[..., Any]:
    """Work that adds the CPU time it takes."""

    def wrapped(*arguments: Any) -> Any:
        began = time.thread_time()
        try:
            return work(*arguments)
        finally:
            spent[unit] += time.thread_time() - began

    return wrapped


def both_ends(message: Message) -> float:
    """Half of the CPU seconds of a message from one process to another, encrypted; the median."""
    context = zmq.Context()
    server, client = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
    public, secret = zmq.curve_keypair()
    server.curve_server, server.curve_secretkey, server.curve_publickey = True, secret, public
    client.curve_serverkey = public
    client.curve_publickey, client.curve_secretkey = zmq.curve_keypair()
    port = server.bind_to_random_port("tcp://127.0.0.1")
    client.connect(f"tcp://127.0.0.1:{port}")
    times = []
    for _ in range(REPEATS):
        began = time.process_time()  # with the threads that encrypt
        client.send(pack(message))
        unpack(server.recv())
        times.append(time.process_time() - began)
    context.destroy(linger=0)
    return statistics.median(times) / 2


def main(arguments: list[str]) -> None:
    """Measures, checks or simulates."""
    settle_in()
    parser = argparse.ArgumentParser(prog="scaling_study.py", allow_abbrev=False)
    parser.add_argument("part", choices=["measure", "check", "simulate"])
    parser.add_argument("--costs", type=Path, default=COSTS)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--rows", type=Path, default=Path("sites.csv"))
    parser.add_argument("--out", type=Path, default=Path("docs/pictures"))
    config = parser.parse_args(arguments)
    if config.part == "measure":
        config.costs.write_text(json.dumps(measure(config.width)._asdict(), indent=1) + "\n", encoding="utf-8")
        return
    costs = Costs(**json.loads(config.costs.read_text(encoding="utf-8")))
    if config.part == "check":
        check(costs, config.rows)
    else:
        simulate(costs, config.out)


def check(costs: Costs, rows: Path) -> None:
    """Simulated samples per second beside what was measured with four units on 60,000 samples."""
    cases = {
        "one process": Case((), 4, staleness=0),
        "two processes": Case((2,), 2),
        "near": Case((1, 1, 2)),
        "far": Case((1, 1, 2), latency=0.1, mbit=10, staleness=64),
    }
    print("| case | measured, samples/s | simulated | ratio |\n|---|---|---|---|")
    with rows.open(newline="") as file:
        known = [row for row in csv.DictReader(file) if row["learner"] == "pib"]
    for name, case in cases.items():
        seconds = [float(row["epoch_s"]) for row in known if row["case"] == name]
        if seconds:
            measured, expected = 60_000 / statistics.median(seconds), simulated(costs, case)["rate"]
            print(f"| {name} | {measured:,.0f} | {expected:,.0f} | {expected / measured:.2f} |")


def simulate(costs: Costs, folder: Path) -> None:
    """Prints a table and draws a figure: all numbers of units and sites, on three kinds of links."""
    print("| link | units | sites | learner | samples/s | MB per batch | s under way |\n|---|---|---|---|---|---|---|")
    figure, axes = plt.subplots(1, len(LINKS), figsize=(12, 4), sharey=True, layout="constrained")
    for axis, (name, (latency, mbit)) in zip(axes, LINKS.items(), strict=True):
        for sites, marker in zip(SITES, "os^Dv", strict=True):
            curves: dict[str, list[tuple[int, float]]] = {}
            for units in UNITS:
                if units < sites:
                    continue
                told = units in (100, 10_000) and sites in (1, 10, 100)
                for learner, more in variants(sites).items():
                    if not told and "PIB" not in learner:
                        continue
                    found = simulated(costs, Case(spread(units, sites), 0, latency, mbit, **more))
                    curves.setdefault(learner, []).append((units, found["rate"]))
                    if told:
                        print(
                            f"| {name} | {units:,} | {sites} | {learner} | {found['rate']:,.4g} | "
                            f"{found['megabytes']:.3g} | {found['delay_s']:.3g} |"
                        )
            for learner, style in (("PIB", "-"), ("PIB, last 10 units read", ":")):
                axis.loglog(*zip(*curves[learner], strict=True), style, marker=marker, color=f"C{SITES.index(sites)}")
        axis.set_title(f"{name}: {latency * 1000:g} ms, {mbit:g} Mbit/s")
        axis.set_xlabel("units")
    axes[0].set_ylabel("samples per second")
    handles = [
        plt.Line2D([], [], marker=marker, color=f"C{index}", label=f"{sites} site{'s' * (sites > 1)}")
        for index, (sites, marker) in enumerate(zip(SITES, "os^Dv", strict=True))
    ]
    handles += [
        plt.Line2D([], [], linestyle=style, color="black", label=label)
        for style, label in (("-", "all units are read"), (":", "the last ten are read"))
    ]
    axes[-1].legend(handles=handles, fontsize="small")
    figure.savefig(folder / "scaling.png", dpi=120)


def variants(sites: int) -> dict[str, dict[str, Any]]:
    """Learners that are compared: as many batches are under way as the chain is long, or one at a time."""
    deep = 2 * sites
    return {
        "PIB": {"staleness": deep},
        "PIB, last 10 units read": {"staleness": deep, "taps": 10},
        "backprop, no stale gradients": {"staleness": 0, "backward": True, "taps": 10},
        "backprop, pipelined": {"staleness": deep, "backward": True, "taps": 10},
    }


if __name__ == "__main__":
    run("scaling_study.py", main)
