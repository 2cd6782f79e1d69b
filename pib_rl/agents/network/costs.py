"""What a model on hardware has cost so far, as results report it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from pib_rl.agents.network.model import PhysicalModel
from pib_rl.common.units import si
from pib_rl.physical.digital import MAC_J


def costs(model: PhysicalModel) -> dict[str, Any]:
    """Energy, time and wear of everything that the meter counted.

    By name: ``measurements``, ``writes``, ``devices``; ``energy_j``, and ``energy_parts_j`` by part; ``latency_s`` from
    an input to the outputs for it; ``reference_j``, what a digital processor needs at least for the same products with
    weights, the media left out; ``writes_max_per_device`` and ``writes_mean_per_device``, and ``endurance_used``, the
    fraction of its stated endurance that the most written device used (None where none is stated).
    """
    arrays = [*(unit.array for unit in model.network.chain), model.readout.array]
    meter = model.readout.meter
    parts = meter.joules()
    used = [float(array.wear.max()) / array.endurance for array in arrays if array.endurance]
    totals = meter.totals()
    devices = model.devices * model.chip.chips
    return {
        "measurements": totals["measurements"],
        "writes": totals["writes"],
        "devices": devices,
        "energy_j": sum(parts.values()),
        "energy_parts_j": parts,
        "latency_s": model.latency,
        "reference_j": totals["products"] * MAC_J,
        "writes_max_per_device": max(float(array.wear.max()) for array in arrays),
        "writes_mean_per_device": totals["writes"] / devices,
        "endurance_used": max(used) if used else None,
    }


def chip_costs(model: PhysicalModel) -> dict[str, np.ndarray]:
    """What each chip of a wafer has cost, shape (chips,) each: energy in joules, pulses, those of its worst device."""
    arrays = [*(unit.array for unit in model.network.chain), model.readout.array]
    sums = model.meter.sums()
    worn = torch.stack([array.wear.flatten(1).amax(1) for array in arrays]).amax(0)
    found = {"energy_j": sums["energy"].sum(-1), "writes": sums["writes"], "writes_max_per_device": worn}
    return {name: values.cpu().numpy() for name, values in found.items()}


COST_FIELDS = (
    "measurements",
    "writes",
    "energy_j",
    "latency_s",
    "reference_j",
    "writes_max_per_device",
    "writes_mean_per_device",
)  # what `format_costs` needs


def format_costs(found: dict[str, Any], period: float | None = None) -> str:
    """Costs, as `costs` gives them, in two lines for people; ``period`` is the time for a decision, in seconds."""
    wear = f"{found['writes_mean_per_device']:,.0f} a device on average, at most {found['writes_max_per_device']:,.0f}"
    if found.get("endurance_used") is not None:
        wear += f" ({found['endurance_used']:.1g} of its endurance)"
    latency = found["latency_s"]
    time = f"latency {si(latency, 's')} a decision" if latency else "latency not modelled"
    if latency and period:
        time += f", {latency / period:.1g} of the control period"
    energy = f"{si(found['energy_j'], 'J')} in all" if found["energy_j"] else "energy not modelled"
    energy += f", a processor's products alone {si(found['reference_j'], 'J')}"
    return f"{found['measurements']:,} measurements, {found['writes']:,} writes: {wear}\n{energy}; {time}"
