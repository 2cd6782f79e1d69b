"""CPU time of an epoch of learning from labels: `learn`'s three dense units beside the same network in plain torch.

    python scripts/epoch_time.py [--data mnist] [--hw HW ...] [--width 512] [--epochs N]

Data are loaded as `learn` does, and its settings are those that are shipped. The plain network has as many layers of
the same width, tanh, cross entropy, Adam and batches of the same size. Its epochs and those of the simulated hardware
take turns in one process, one torch thread; the first pair does not count, and figures are medians.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from timing import HARDWARE, Aim, Parser, Report, Seconds, cpu, progress, ratio, show, table, whole
from torch import Tensor, nn

from pib_rl.cli.cli import run
from pib_rl.cli.process import settle_in
from pib_rl.learning.config import LearnConfig
from pib_rl.learning.run import LearningRun, prepare

PLAIN, AIMS = "plain torch, Adam", {"optical": 4.0}


class PlainNetwork:
    """Layers of tanh that learn by backpropagation and Adam.

    Args:
        x: Samples, shape (n, features), any unit; standardised by one mean and standard deviation.
        labels: Shape (n,).
        config: Width, number of layers, batch size.
    """

    def __init__(self, x: np.ndarray, labels: np.ndarray, config: LearnConfig) -> None:
        names, classes = np.unique(labels, return_inverse=True)
        self.x = torch.as_tensor((x - x.mean()) / x.std(), dtype=torch.float32)
        self.classes = torch.as_tensor(classes)
        assert config.width is not None  # the run has chosen what nobody gave
        assert config.batch_size is not None
        self.batch_size, self.generator = config.batch_size, torch.Generator().manual_seed(config.seed)
        sizes = [x.shape[1], *[config.width] * config.units]
        hidden = [layer for one in pairwise(sizes) for layer in (nn.Linear(*one), nn.Tanh())]
        self.layers = nn.Sequential(*hidden, nn.Linear(sizes[-1], len(names)))
        self.optimiser = torch.optim.Adam(self.layers.parameters())

    def epoch(self) -> None:
        """One pass over the samples in random order."""
        for pick in torch.randperm(len(self.x), generator=self.generator).split(self.batch_size):
            self.step(pick)

    def step(self, pick: Tensor) -> None:
        """One step on the samples of these numbers, shape (batch,)."""
        self.optimiser.zero_grad()
        nn.functional.cross_entropy(self.layers(self.x[pick]), self.classes[pick]).backward()
        self.optimiser.step()


def measure(config: LearnConfig) -> Seconds:
    """CPU seconds of all epochs but the first, of the simulated hardware and of the plain network."""
    learning: LearningRun = prepare(config)
    with torch.random.fork_rng(devices=[]):  # plain torch draws its weights there
        torch.manual_seed(config.seed)
        plain = PlainNetwork(learning.fitted.x, np.asarray(learning.fitted.y), learning.task.config)
    seconds: Seconds = {config.hw: [], PLAIN: []}
    started = time.process_time()

    def watch(_: dict[str, float]) -> None:
        nonlocal started
        seconds[config.hw].append(time.process_time() - started)
        with torch.inference_mode(False), torch.enable_grad():
            seconds[PLAIN].append(cpu(plain.epoch))
        started = time.process_time()

    learning.model.fit(learning.fitted.x, **learning.task.broadcast(learning.fitted), watch=watch)
    return {name: seen[1:] for name, seen in seconds.items()}


def report(data: str = "mnist", hw: Sequence[str] = HARDWARE, width: int = 512, epochs: int = 2) -> Report:
    """All substrates, so many epochs each beside the first."""
    rows, aims = [], []
    for one in progress(hw, "substrate"):
        config = LearnConfig(
            data=data,
            hw=one,
            width=width,
            epochs=epochs + 1,
            batch_size=256,
            views={"strength": 0},
            progress=False,
        )
        seconds = measure(config)
        over = ratio(seconds, one, PLAIN)
        spent = (f"{statistics.median(seconds[name]):.2f}" for name in (one, PLAIN))
        rows.append((one, *spent, f"{over:.2f}", f"{ratio(seconds, one, PLAIN, min):.2f}"))
        if one in AIMS:
            aims.append(Aim(f"epoch of {Path(data).stem}, {one}, over plain torch", over, AIMS[one]))
    return Report(table(("hardware", "CPU s per epoch", "plain torch", "over plain torch", "of minima"), rows), aims)


def main(arguments: list[str]) -> None:
    parser = Parser(__doc__)
    parser.add_argument("--data", default="mnist", help="what `learn` takes: mnist, or the path of an .npz file")
    parser.add_argument("--hw", nargs="+", default=list(HARDWARE), choices=HARDWARE, metavar="HW")
    parser.add_argument("--width", type=whole(1), default=512)
    parser.add_argument("--epochs", type=whole(1), default=2, help="that count, after a first one")
    settle_in()
    show(report(**vars(parser.parse_args(arguments))))


if __name__ == "__main__":
    run("epoch_time", main)
