"""When to stop learning: samples that are held out say when they gain nothing any more."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

FEWEST = 10  # held-out samples that can say anything
GAIN = 1e-4  # by which the score has to rise to count as better


def hold_out(n: int, fraction: float, generator: torch.Generator, labels: Tensor | None) -> tuple[Tensor, Tensor]:
    """Indices of samples to learn from and of those that are held out, both in rising order.

    Every label gets its share of the held-out samples, give or take one. Fewer than `FEWEST` are not held out: too
    few samples say too little, and learning needs them.

    Args:
        n: Number of samples.
        fraction: Fraction that is held out, above 0 and below 1.
        generator: Draws the choice, on the CPU.
        labels: Labels, shape (n,); None where there are none.
    """
    order = torch.randperm(n, generator=generator)
    held = min(int(fraction * n), n - 2)
    if held < FEWEST:
        return torch.arange(n), order[:0]
    if labels is not None:
        order = order[labels.cpu()[order].sort(stable=True).indices]
    chosen = torch.zeros(n, dtype=torch.bool)
    chosen[order[(torch.arange(held) * n + n // 2) // held]] = True
    return (~chosen).nonzero()[:, 0], chosen.nonzero()[:, 0]


@dataclass
class Schedule:
    """How far the training is, which sets the rates: they fall from the first epoch to the last one.

    Args:
        epochs: Epochs that are planned.
    """

    epochs: int
    _since: int = 0
    _done: float = 0.0

    def progress(self, epoch: int) -> float:
        """Fraction of the training that is done after so many epochs, 0..1."""
        return self._done + (1 - self._done) * (epoch - self._since) / (self.epochs - self._since)

    def shorten(self, epoch: int, most: int) -> bool:
        """Plans at most so many epochs after ``epoch``, within which the rates fall to 0; whether that is fewer."""
        if self.epochs <= epoch + most:
            return False
        self._done, self._since, self.epochs = self.progress(epoch), epoch, epoch + most
        return True


@dataclass
class Patience:
    """Notices when a score has not risen for some epochs.

    Args:
        epochs: How many epochs without a gain are enough.
    """

    epochs: int
    best: float = field(default=-math.inf, init=False)
    waited: int = field(default=0, init=False)

    def is_over(self, score: float) -> bool:
        """Takes the score of one more epoch; whether the last ``epochs`` of them brought no gain."""
        self.waited = 0 if score > self.best + GAIN else self.waited + 1
        self.best = max(self.best, score)
        return self.waited >= self.epochs


@dataclass
class Pace:
    """Where a fit is.

    Args:
        schedule: How far it is planned.
        waiting: What notices that it gains nothing any more.
        epoch: Epochs that are done.
        stopping: Whether it ends early.
    """

    schedule: Schedule
    waiting: Patience
    epoch: int = 0
    stopping: bool = False

    def state(self) -> dict[str, Any]:
        """As `pib_rl.common.tree.flatten_state` takes it."""
        best = self.waiting.best
        return {
            "schedule": dict(vars(self.schedule)),
            "waiting": [None if best == -math.inf else best, self.waiting.waited],
            "epoch": self.epoch,
            "stopping": self.stopping,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Goes on from a `state`."""
        vars(self.schedule).update(state["schedule"])
        best, self.waiting.waited = state["waiting"]
        self.waiting.best = -math.inf if best is None else best
        self.epoch, self.stopping = state["epoch"], state["stopping"]
