"""What one measurement of a medium and its array costs."""

from __future__ import annotations

import torch

from pib_rl.inspection.probe import Chip, Finding
from pib_rl.physical.streams import LEARNING

SAMPLES = 256


def costs(chip: Chip) -> Finding:
    """Energy by part and latency of one sample through medium and array, for normal drives."""
    drives = chip.substrate.streams.normal(LEARNING, torch.zeros(SAMPLES, chip.medium.in_features))
    h = chip.medium.measure(drives)
    z = chip.array.measure(h)
    numbers = {"latency of a unit [s]": chip.medium.latency + chip.array.latency}
    for part in (chip.medium.costs(drives, h), chip.array.costs(h, z)):
        for name, joules in part.items():
            key = f"energy of a sample: {name} [J]"
            numbers[key] = numbers.get(key, 0.0) + float(joules) / SAMPLES
    if chip.array.endurance is not None:
        numbers["endurance, stated [pulses]"] = chip.array.endurance
    numbers["devices of the array"] = float(chip.array.devices)
    return Finding("cost of a measurement", numbers=numbers)
