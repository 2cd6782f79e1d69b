"""What time does to a chip that is left alone."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from pib_rl.characterisation.capabilities import Conductive
from pib_rl.characterisation.measurement import Measurement, plot_band
from pib_rl.characterisation.test_chip import TestChip
from pib_rl.common.palette import RED
from pib_rl.physical.part import Part
from pib_rl.physical.substrate import Array, Medium, Read

TIMES = tuple(10 ** (third / 3) for third in range(-6, 25))  # seconds after fabrication: 10 ms to 3 years
MARKS = {"1 s": 1.0, "1 h": 3600.0, "1 day": 86400.0, "30 days": 2.592e6}
LEAST = 0.5  # sigma_0: smaller weights are not asked for the fraction that they kept
SAMPLES = 256
MOVED = 0.01  # fraction by which conductances change before they are drawn: fixed references hide the rest


@dataclass(frozen=True)
class Drift(Measurement):
    """Fractions that are left of weights and conductances, and correlation of a medium's outputs with those before."""

    name: ClassVar[str] = "drift"
    title: ClassVar[str] = "Drift"

    weights: Tensor | None  # fraction kept, of those above half a sigma_0, shape (times, weights); None if all is
    conductance: Tensor | None  # sum of all, relative to the first, shape (times,); None where there are none
    medium: Tensor | None  # correlation of outputs over drives, shape (times, outputs); None if none changes

    @classmethod
    def measure(cls, chip: TestChip) -> Drift | None:
        """Lets time pass step by step; None if nothing changes."""
        with chip.bench():
            weights, conductance = _array(chip.array, LEAST * chip.sigma)
            medium = _medium(chip.medium, chip.normal(SAMPLES, chip.medium.in_features))
        if weights is None and medium is None:
            return None
        return cls(weights, conductance, medium)

    def numbers(self) -> dict[str, Any]:
        found: dict[str, Any] = {"seconds": list(TIMES)}
        if self.weights is not None:
            found["weights_kept"] = self.weights.mean(1).tolist()
            found["weights_kept_std"] = self.weights.std(1).tolist()
        if self.conductance is not None:
            found["conductance_kept"] = self.conductance.tolist()
        if self.medium is not None:
            found["medium_correlation"] = self.medium.mean(1).tolist()
        return found

    def rows(self) -> list[tuple[str, str]]:
        rows = []
        for label, values in (("weights kept after", self.weights), ("medium correlated after", self.medium)):
            if values is not None:
                mean = values.mean(1)
                nearest = [min(TIMES, key=lambda time: abs(time / seconds - 1)) for seconds in MARKS.values()]
                percents = ", ".join(f"{100 * mean[TIMES.index(time)].item():.0f}" for time in nearest)
                rows.append((f"{label} {', '.join(MARKS)}", f"{percents} %"))
        return rows

    def labels(self) -> list[tuple[str, str]]:
        drawn = (("fraction of a weight kept", self.weights), ("correlation with the start", self.medium))
        return [("time since fabrication [s]", label) for label, values in drawn if values is not None]

    def plot(self, axes: list[Any]) -> None:
        for each in axes:
            each.set_xscale("log")
        if self.weights is not None:
            plot_band(axes[0], TIMES, self.weights, "weights")
            if self.conductance is not None and (self.conductance - 1).abs().max() > MOVED:
                axes[0].plot(TIMES, self.conductance, "--", color=RED, label="sum of conductances")
        if self.medium is not None:
            plot_band(axes[-1], TIMES, self.medium, "outputs")


def _ages(part: Part) -> Iterator[None]:
    """Lets a part grow as old as each of `TIMES`, one after the other."""
    for before, now in itertools.pairwise((0.0, *TIMES)):
        part.age(now - before)
        yield


def _array(array: Array, least: float) -> tuple[Tensor | None, Tensor | None]:
    before = array.weights().clone()
    first = array.conductances().sum() if isinstance(array, Conductive) else 1.0
    large = before.abs() > least
    kept, sums = [], []
    for _ in _ages(array):
        kept.append(array.weights()[large] / before[large])
        if isinstance(array, Conductive):
            sums.append(array.conductances().sum() / first)
    weights = torch.stack(kept)
    if not weights.numel() or bool((weights == 1).all()):
        return None, None
    return weights, torch.stack(sums) if sums else None


def _medium(medium: Medium, drives: Tensor) -> Tensor | None:
    before = medium.measure(drives, Read.MEAN)
    alike, same = [], True
    for _ in _ages(medium):
        now = medium.measure(drives, Read.MEAN)
        same = same and bool((now == before).all())
        alike.append(correlation(before, now))
    return None if same else torch.stack(alike)


def correlation(a: Tensor, b: Tensor) -> Tensor:
    """Pearson's correlation of each column of two tensors, shape (n, columns); of constant columns 0."""
    a, b = a - a.mean(0), b - b.mean(0)
    size = (a.square().sum(0) * b.square().sum(0)).sqrt()
    return torch.where(size > 0, (a * b).sum(0) / size, 0.0)
