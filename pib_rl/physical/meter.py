"""What learning and acting cost the hardware: measurements, writes, energy."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from pib_rl.physical.part import Costs

# Where energy goes. programming: pulses to devices; digital: arithmetic on measured numbers, weights in memory, too.
PARTS = ("array", "converters", "light", "modulator", "camera", "programming", "digital")


class Meter(nn.Module):
    """Counts what was asked of the hardware.

    ``measurements`` counts samples times units: one physical forward pass of one sample through one unit (or
    through the readout array) is one. ``writes`` counts programming pulses: one pulse to one device is one.
    ``energy`` holds joules by part, in the order of `PARTS`; ``products`` counts multiplications of a measured number
    with a weight, for comparisons with digital processors. All are float64 buffers, counts exact up to 2^53, and travel
    with the saved policy.
    """

    def __init__(self) -> None:
        super().__init__()
        self.measurements = nn.Buffer(torch.zeros((), dtype=torch.float64))
        self.writes = nn.Buffer(torch.zeros((), dtype=torch.float64))
        self.products = nn.Buffer(torch.zeros((), dtype=torch.float64))
        self.energy = nn.Buffer(torch.zeros(len(PARTS), dtype=torch.float64))
        self.running = True  # whether anything is counted now

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Inside, nothing is counted: for evaluations, which are no part of learning or of serving."""
        before, self.running = self.running, False
        try:
            yield
        finally:
            self.running = before

    @contextlib.contextmanager
    def lap(self) -> Iterator[Callable[[], float]]:
        """Inside, the function that it gives returns the joules spent so far, free of the rounding of all before."""
        before = self.energy.clone()
        self.energy.zero_()
        try:
            yield lambda: float(self.energy.sum())
        finally:
            self.energy.add_(before)

    def read(self, samples: int, weights: int = 0) -> None:
        """Counts ``samples`` passes through one unit, whose array holds so many ``weights``."""
        if self.running:
            self.measurements.add_(samples)
            self.products.add_(samples * weights)

    def write(self, pulses: Tensor) -> None:
        """Counts ``pulses`` (a scalar tensor: no transfer from the accelerator is forced)."""
        if self.running:
            self.writes.add_(pulses)

    def spend(self, costs: Costs) -> None:
        """Adds joules, scalars by part; KeyError if a part is none of `PARTS`."""
        if not self.running:
            return
        for part, joules in costs.items():
            if part not in PARTS:
                raise KeyError(f"{part!r} is no part that energy goes to; known: {', '.join(PARTS)}")
            self.energy[PARTS.index(part)] += joules

    def joules(self) -> dict[str, float]:
        """Energy by part, only of those that spent some."""
        return {part: joules for part, joules in zip(PARTS, self.energy.tolist(), strict=True) if joules}

    def totals(self) -> dict[str, int]:
        """``measurements`` and ``writes`` as integers."""
        return {"measurements": int(self.measurements.item()), "writes": int(self.writes.item())}
