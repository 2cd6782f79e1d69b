"""What is certified: a medium, a hidden array and a readout of a substrate, and signals to test them with."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor, nn

from pib_rl.common.streams import Streams
from pib_rl.physical.substrate import Array, Medium, Read, Substrate

STREAM = "certify"  # of test signals
READOUT = 3  # outputs of the readout
SAMPLES = 32
PARTS = ("medium", "array", "readout")
EXACT = 1e-5  # of the size of a signal: differences below are those of floating point


class Specimen(nn.Module):
    """One medium, one hidden array and one readout, as a network would fabricate them.

    Args:
        substrate: What makes them.
        size: Drives of the medium, and outputs of the hidden array.
    """

    def __init__(self, substrate: Substrate, size: int) -> None:
        super().__init__()
        self.substrate = substrate
        self.medium: Medium = substrate.make_medium(size, size)
        self.array: Array = substrate.make_array(self.medium.out_features, size)
        self.readout: Array = substrate.make_array(self.medium.out_features, READOUT, readout=True)

    def part(self, name: str) -> Medium | Array:
        """The part of that name, one of `PARTS`."""
        found = getattr(self, name)
        assert isinstance(found, Medium | Array)
        return found


class Laboratory:
    """Specimens by seed, made when they are needed, and signals for them.

    Args:
        make: Makes a substrate from a seed.
        seed: Seed of the specimen that is looked at, and of all signals.
        size: As of `Specimen`.

    Attributes:
        evidence: What checks measured and a picture may show, by name.
    """

    def __init__(self, make: Callable[[int], Substrate], seed: int, size: int) -> None:
        self._make, self.seed, self.size = make, seed, size
        self._streams = Streams(seed)
        self.evidence: dict[str, Tensor] = {}

    def specimen(self, other: int = 0) -> Specimen:
        """A fresh one, of a seed that is so much larger; both arrays were programmed once, all specimens alike."""
        made = Specimen(self._make(self.seed + other), self.size)
        for array, change in zip((made.array, made.readout), self._changes, strict=True):
            sigma = array.in_features**-0.5
            wide = change.repeat(1, -(-array.in_features // change.shape[1]))[:, : array.in_features]
            array.program(sigma * wide)
        return made

    @cached_property
    def first(self) -> Specimen:
        """The specimen that most checks look at."""
        return self.specimen()

    @cached_property
    def _changes(self) -> list[Tensor]:
        return [self.normal(rows, 64) for rows in (self.size, READOUT)]

    def normal(self, *shape: int) -> Tensor:
        """Standard normal numbers."""
        return self._streams.normal(STREAM, torch.zeros(shape, dtype=torch.float32))

    def inputs(self, part: Medium | Array, samples: int = SAMPLES) -> Tensor:
        """Inputs for a part, shape (samples, in_features): drives of standard deviation 1, or signals of media."""
        drawn = self.normal(samples, part.in_features)
        return drawn if isinstance(part, Medium) else (drawn * 0.5).clamp_(-1, 1)

    @cached_property
    def signals(self) -> dict[str, Tensor]:
        """Inputs of each part."""
        return {name: self.inputs(self.first.part(name)) for name in PARTS}

    def mean_reads(self, specimen: Specimen) -> dict[str, Tensor]:
        """Mean reads of the signals, by part."""
        return {name: specimen.part(name).measure(x, Read.MEAN) for name, x in self.signals.items()}

    @cached_property
    def unsteadiness(self) -> dict[str, float]:
        """Root mean square difference of two mean reads of the same, by part: 0 of simulated hardware."""
        one, other = (self.mean_reads(self.first) for _ in range(2))
        return {name: rms(one[name] - other[name]) for name in PARTS}

    def difference(self, one: dict[str, Tensor], other: dict[str, Tensor]) -> dict[str, float]:
        """By how much mean reads differ, by part, relative to their size; what cannot be told from nothing is 0."""
        found = {}
        for name in PARTS:
            size = max(rms(one[name]), rms(other[name]), 1e-12)
            apart = rms(one[name] - other[name])
            found[name] = 0.0 if apart <= 3 * self.unsteadiness[name] + EXACT * size else apart / size
        return found


def rms(values: Tensor) -> float:
    """Root mean square of any tensor."""
    return float(values.detach().double().square().mean().sqrt())
