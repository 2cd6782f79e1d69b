"""What learning and acting cost the hardware: measurements and writes."""

from __future__ import annotations

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

    def read(self, samples: int) -> None:
        """Counts ``samples`` passes through one unit."""
        self.measurements.add_(samples)

    def write(self, pulses: Tensor) -> None:
        """Counts ``pulses`` (a scalar tensor: no transfer from the accelerator is forced)."""
        self.writes.add_(pulses)

    def totals(self) -> dict[str, int]:
        """``measurements`` and ``writes`` as integers."""
        return {"measurements": int(self.measurements.item()), "writes": int(self.writes.item())}
