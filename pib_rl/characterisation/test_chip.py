"""A chip on the bench: one medium, one array behind it, and drives to test them with."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from pib_rl.physical.substrate import Array, Medium, Substrate

STREAM = "inspect"  # prefix of the random streams of all measurements
DRIVE = "drive"  # stream of test drives


@dataclass(frozen=True)
class TestChip:
    """A fabricated chip: a medium of a substrate, and behind it an array with one input per output of the medium."""

    substrate: Substrate
    medium: Medium
    array: Array

    @classmethod
    def fabricate(cls, substrate: Substrate, size: int) -> TestChip:
        """A medium of ``size`` drives and an array of ``size`` outputs."""
        medium = substrate.make_medium(size, size)
        return cls(substrate, medium, substrate.make_array(medium.out_features, size))

    @property
    def sigma(self) -> float:
        """sigma_0 = 1/sqrt(in_features): standard deviation of the weights of a hidden array."""
        return float(self.array.in_features**-0.5)

    @contextlib.contextmanager
    def bench(self, metered: bool = False) -> Iterator[None]:
        """Inside, all draws come from fresh streams, from their start; afterwards the chip is as before.

        The meter, too, is put back: it is paused unless ``metered``.
        """
        kept = [{key: value.clone() for key, value in part.state_dict().items()} for part in (self.medium, self.array)]
        paused = contextlib.nullcontext() if metered else self.substrate.meter.paused()
        try:
            with self.substrate.streams.aside(STREAM, anew=True), paused:
                yield
        finally:
            for part, state in zip((self.medium, self.array), kept, strict=True):
                part.load_state_dict(state)

    def sines(self, samples: int) -> Tensor:
        """Drives that sample sines of variance 1 at random phases, shape (samples, in_features)."""
        fraction = self.substrate.streams.uniform(
            DRIVE, torch.zeros(samples, self.medium.in_features, dtype=torch.float32)
        )
        return fraction.mul_(2 * math.pi).sin_().mul_(2**0.5)

    def normal(self, rows: int, features: int) -> Tensor:
        """Standard normal numbers, shape (rows, features)."""
        return self.substrate.streams.normal(DRIVE, torch.zeros(rows, features, dtype=torch.float32))

    def signs(self, rows: int, features: int) -> Tensor:
        """Numbers 1 and -1 at random, shape (rows, features)."""
        fraction = self.substrate.streams.uniform(DRIVE, torch.zeros(rows, features, dtype=torch.float32))
        return (fraction < 0.5) * 2.0 - 1
