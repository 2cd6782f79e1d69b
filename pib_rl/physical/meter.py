"""What learning and acting cost the hardware: measurements and writes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn


class Meter(nn.Module):
    """Counts what was asked of the hardware.

    ``measurements`` counts samples times units: one physical forward pass of one sample through one unit (or
    through the readout array) is one. ``writes`` counts programming pulses: one pulse to one device is one.
    Both are float64 buffers, exact up to 2^53, and travel with the saved policy.
    """

    measurements: Tensor
    writes: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("measurements", torch.zeros((), dtype=torch.float64))
        self.register_buffer("writes", torch.zeros((), dtype=torch.float64))
        self._running = True

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Inside, nothing is counted: for evaluations, which are no part of learning or of serving."""
        before, self._running = self._running, False
        try:
            yield
        finally:
            self._running = before

    def read(self, samples: int) -> None:
        """Counts ``samples`` passes through one unit."""
        if self._running:
            self.measurements.add_(samples)

    def write(self, pulses: Tensor) -> None:
        """Counts ``pulses`` (a scalar tensor: no transfer from the accelerator is forced)."""
        if self._running:
            self.writes.add_(pulses)

    def totals(self) -> dict[str, int]:
        """``measurements`` and ``writes`` as integers."""
        return {"measurements": int(self.measurements.item()), "writes": int(self.writes.item())}
