"""Units apart, measured: processes side by side, long links, backpropagation over the same links, sites that die.

    python scripts/sites_benchmark.py processes|links|placed|acting|faults [--data mnist] [--seeds 3] [--out FILE.csv]

- processes: a network of four units in one process, and in two (units 1 and 2 at a site, 3 and 4 with the readout
  here): seconds per epoch by the wall clock, on an otherwise idle machine of two cores or more.
- links: three sites with links of no latency, and of 100 ms +- 20 ms, 10 Mbit/s and stalls of 1 %, each for PIB and for
  backpropagation through a twin, exact and 20 % off, in the same pipeline.
- placed: the same links, but unit 1 stays where the data are, and units 2, 3 and 4 are at a site each, so that codes of
  activations travel and no inputs; beside the same processes without links, and one process.
- acting: CartPole with eight units at two sites that are 20 ms apart, acting included.
- faults: a site that is killed in mid-run and replaced by another chip; a link that is cut for ten seconds.

A row per run goes to the CSV file as soon as it is measured, and rows that are there are not measured again.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from pib_rl.agents.estimators.supervised import PIBClassifier
from pib_rl.cli.cli import run
from pib_rl.cli.process import settle_in
from pib_rl.learning.data import load
from pib_rl.sites.config import SitesConfig
from pib_rl.sites.split_run import SplitRun

FAR = {"latency_ms": 100, "jitter_ms": 20, "mbit": 10, "stall": 0.01}
UNITS, WIDTH, BATCH = 4, 128, 256
EPOCHS = {"processes": 3, "links": 3, "placed": 6, "faults": 6}
STALENESS = 160  # batches under way with unit 1 at the data: an epoch has 235
FIELDS = ("part", "case", "learner", "seed", "epoch_s", "score", "staleness", "megabytes", "lost")
Row = dict[str, Any]


def main(arguments: list[str]) -> None:
    """Measures what is asked for."""
    settle_in()
    parser = argparse.ArgumentParser(prog="sites_benchmark.py", allow_abbrev=False)
    parser.add_argument("part", choices=["processes", "links", "placed", "acting", "faults"])
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--hw", default="memristive")
    parser.add_argument("--width", type=int, default=WIDTH)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=400)
    parser.add_argument("--timesteps", type=int, default=80_000)
    parser.add_argument("--bits", type=int, nargs="+", default=[8, 4, 3])
    parser.add_argument("--staleness", type=int, default=STALENESS)
    parser.add_argument("--learners", nargs="+", default=["pib", "backprop", "backprop-off"])
    parser.add_argument("--cases", default="", help="only cases that begin so, such as far")
    parser.add_argument("--out", type=Path, default=Path("sites.csv"))
    config = parser.parse_args(arguments)
    seeds = range(config.first_seed, config.first_seed + config.seeds)
    parts = {"processes": processes, "links": links, "placed": placed, "acting": acting, "faults": faults}
    for case, learner, measure in parts[config.part](config):
        for seed in seeds if case.startswith(config.cases) else ():
            note_row(config, case, learner, seed, measure)
    show(config.out, config.part)


def note_row(
    config: argparse.Namespace, case: str, learner: str, seed: int, measure: Callable[[int, str], Row]
) -> None:
    """Measures one row, unless it is there."""
    known = read(config.out)
    if any((r["part"], r["case"], r["learner"], r["seed"]) == (config.part, case, learner, str(seed)) for r in known):
        return
    row = {"part": config.part, "case": case, "learner": learner, "seed": seed} | measure(seed, learner)
    fresh = not config.out.exists()
    with config.out.open("a", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        if fresh:
            writer.writeheader()
        writer.writerow(row)
    print(row, flush=True)


def read(path: Path) -> list[Row]:
    """Rows of before."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def show(path: Path, part: str) -> None:
    """Means of the rows of a part."""
    found: dict[tuple[str, str], list[Row]] = {}
    for row in read(path):
        if row["part"] == part:
            found.setdefault((row["case"], row["learner"]), []).append(row)
    print("| case | learner | epoch, s | score | staleness | MB | lost steps |\n|---|---|---|---|---|---|---|")
    for (case, learner), rows in found.items():
        seconds = np.median([float(row["epoch_s"]) for row in rows])
        scores = ", ".join(f"{float(row['score']):.4g}" for row in rows)
        lost, same = ", ".join(row["lost"] for row in rows), rows[0]
        print(f"| {case} | {learner} | {seconds:.2f} | {scores} | {same['staleness']} | {same['megabytes']} | {lost} |")


def processes(config: argparse.Namespace) -> Iterator[tuple[str, str, Callable[[int, str], Row]]]:
    """One process, and two."""
    two = {"sites": [{"name": "front", "units": [1, 2]}]}
    yield "one process", "pib", lambda seed, learner: labels(config, seed, learner, None)
    yield "two processes", "pib", lambda seed, learner: labels(config, seed, learner, two)


def links(config: argparse.Namespace) -> Iterator[tuple[str, str, Callable[[int, str], Row]]]:
    """Three sites, near and far."""
    for case, link, staleness in (("near", None, 8), ("far", FAR, 64)):
        names = [{"name": name, "units": units} for name, units in (("a", [1]), ("b", [2]), ("c", [3, 4]))]
        sites = {
            "sites": [one | {"link": link} for one in names] if link else names,
            "staleness": staleness,
            "deflate": link is not None,
        }
        for learner in config.learners:
            yield case, learner, lambda seed, learner, sites=sites: labels(config, seed, learner, sites)


def placed(config: argparse.Namespace) -> Iterator[tuple[str, str, Callable[[int, str], Row]]]:
    """Unit 1 at the data, three sites behind it, near and far."""
    if "pib" in config.learners:
        yield "one process", "pib", lambda seed, learner: labels(config, seed, learner, None)
    for bits in config.bits:
        for case, link in (("near", None), ("far", FAR)):
            names: list[Row] = [{"name": name, "units": [unit]} for unit, name in enumerate("abc", 2)]
            sites = {
                "sites": [one | {"link": link} for one in names] if link else names,
                "staleness": config.staleness,
                "deflate": True,
                "bits": bits,
            }
            for learner in config.learners:
                yield f"{case}, {bits} bits", learner, lambda seed, learner, s=sites: labels(config, seed, learner, s)


def labels(
    config: argparse.Namespace,
    seed: int,
    learner: str,
    sites: Row | None,
    disturb: Callable[[SplitRun], None] | None = None,
) -> Row:
    """Accuracy on test samples, and seconds of an epoch: of all of them, in which nobody looks at the state meanwhile.

    So units at far sites fill and drain their pipeline once.
    """
    data = load(config.data, False, "auto")
    model = PIBClassifier(
        hw=config.hw,
        units=UNITS,
        width=config.width,
        epochs=config.epochs or EPOCHS[config.part],
        batch_size=BATCH,
        learner=learner,
        seed=seed,
        warm_start=True,
    )
    x, y = np.asarray(data.x_train), np.asarray(data.y_train)
    model.prepare(x, y)
    if sites is None:
        start = time.perf_counter()
        model.fit(x, y)
        seconds = time.perf_counter() - start
        traffic: dict[str, Any] = {"staleness": 0, "megabytes": 0, "lost": 0}
    else:
        with tempfile.TemporaryDirectory() as folder:
            split = SplitRun(SitesConfig(**sites), model.model_, model.learner_, Path(folder), taps=True)
            with split:
                model.learner_ = split.learner
                with disturbed(split, disturb):
                    start = time.perf_counter()
                    model.fit(x, y, watch_every=model.epochs or 1)
                    seconds = time.perf_counter() - start
                assert split.hub is not None
                each = [line.traffic for line in split.hub.lines.values()]
            traffic = {
                "staleness": sites.get("staleness", 8),
                "megabytes": round(sum(one.bytes_in + one.bytes_out for one in each) / 1e6),
                "lost": sum(one.lost for one in each),
            }
    score = float(model.score(np.asarray(data.x_test), np.asarray(data.y_test)))
    return {"epoch_s": round(seconds / model.n_iter_, 3), "score": round(score, 5)} | traffic


@contextmanager
def disturbed(split: SplitRun, disturb: Callable[[SplitRun], None] | None) -> Iterator[None]:
    """Inside, something happens to the sites."""
    thread = threading.Thread(target=lambda: disturb(split) if disturb else None, daemon=True)
    thread.start()
    yield
    thread.join()


def faults(config: argparse.Namespace) -> Iterator[tuple[str, str, Callable[[int, str], Row]]]:
    """Nothing, a site replaced, a link cut."""
    sites = {"sites": [{"name": "a", "units": [1, 2], "link": {"latency_ms": 5}}, {"name": "b", "units": [3, 4]}]}

    def after(updates: int, act: Callable[[SplitRun], None]) -> Callable[[SplitRun], None]:
        def disturb(split: SplitRun) -> None:
            assert split.hub is not None
            while split.hub.lines["a"].traffic.updates < updates:
                time.sleep(0.05)
            act(split)

        return disturb

    def cut(split: SplitRun) -> None:
        split.relays["a"].cut()
        time.sleep(10)
        split.relays["a"].heal()

    half = 234 * (config.epochs or EPOCHS["faults"]) // 2
    yield "undisturbed", "pib", lambda seed, learner: labels(config, seed, learner, sites)
    yield (
        "killed, goes on from its disk",
        "pib",
        lambda seed, learner: labels(
            config, seed, learner, sites, after(half, lambda split: split.processes.kill("a"))
        ),
    )
    yield (
        "killed, another chip",
        "pib",
        lambda seed, learner: labels(
            config, seed, learner, sites, after(half, lambda split: split.processes.kill("a", seed + 1000))
        ),
    )
    yield (
        "link cut for 10 s",
        "pib",
        lambda seed, learner: labels(config, seed, learner, sites, after(half, cut)),
    )


def acting(config: argparse.Namespace) -> Iterator[tuple[str, str, Callable[[int, str], Row]]]:
    """CartPole in one place, and at two sites 20 ms apart."""
    yield "one place", "pib", lambda seed, learner: policy(config, seed, None)
    link = {"latency_ms": 10}  # to where both join: 20 ms from one to the other
    sites = {
        "sites": [
            {"name": "a", "units": [1, 2, 3, 4], "link": link},
            {"name": "b", "units": [5, 6, 7, 8], "link": link},
        ],
        "staleness": 16,
    }
    yield "two sites, 20 ms", "pib", lambda seed, learner: policy(config, seed, sites)


def policy(config: argparse.Namespace, seed: int, sites: Row | None) -> Row:
    """Return of the final policy, and seconds per thousand steps."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        command = [sys.executable, "-m", "pib_rl.train", "CartPole-v1", "--hw", config.hw, "--units", "8"]
        command += ["--timesteps", str(config.timesteps), "--seed", str(seed), "--out", str(out), "--no-progress"]
        if sites is not None:
            file = Path(folder) / "sites.yaml"
            file.write_text(json.dumps(sites))
            command += ["--sites", str(file)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        result = json.loads((out / "result.json").read_text())
    return {
        "epoch_s": round(result["wall_s"] / result["timesteps"] * 1000, 3),
        "score": result["eval_mean"],
        "staleness": 0 if sites is None else sites["staleness"],
        "megabytes": "",
        "lost": 0,
    }


if __name__ == "__main__":
    run("sites_benchmark.py", main)
