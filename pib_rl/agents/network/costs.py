"""What a model on hardware has cost so far, as results report it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from pib_rl.agents.network.model import PhysicalModel
from pib_rl.common.units import si
from pib_rl.physical.digital import MAC_J, DigitalArray


def costs(model: PhysicalModel) -> dict[str, Any]:
    """Energy, time and wear of everything that the meter counted.

    By name: ``measurements``, ``writes``, ``devices``, of which ``digital_weights`` (None without any) are numbers in
    digital arrays; ``energy_j``, and ``energy_parts_j`` by part; ``latency_s`` from
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
    digital = sum(array.devices for array in arrays if isinstance(array, DigitalArray)) * model.chip.chips
    return {
        "measurements": totals["measurements"],
        "writes": totals["writes"],
        "devices": devices,
        "digital_weights": digital or None,
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
    """Costs, as `costs` gives them, in sentences; ``period`` is the time for a decision, in seconds."""
    return "\n".join([_counts(found), _energy(found), _time(found["latency_s"], period)])


def _counts(found: dict[str, Any]) -> str:
    measured = f"{found['measurements']:,} measurements"
    if found.get("digital_weights") and found["digital_weights"] == found.get("devices"):
        return f"{measured}, {found['writes']:,} changes of {found['devices']:,} digital weights, which do not wear."
    wear = f"{found['writes_mean_per_device']:,.0f} a device on average, at most {found['writes_max_per_device']:,.0f}"
    if found.get("endurance_used") is not None:
        wear += f" ({found['endurance_used']:.1g} of its endurance)"
    return f"{measured}, {found['writes']:,} writes: {wear}."


def _energy(found: dict[str, Any]) -> str:
    spent, least = found["energy_j"], found["reference_j"]
    if not spent:
        return f"Its energy is not modelled; a processor needs {si(least, 'J')} for the same products."
    times = f", {_times(spent / least)} a processor needs for the same products ({si(least, 'J')})" if least else ""
    parts = found.get("energy_parts_j") or {}
    most = max(parts, key=lambda part: parts[part], default="")
    share = f"; {parts[most] / spent:.0%} of it goes into: {most}" if len(parts) > 1 else ""
    return f"It took {si(spent, 'J')}{times}{share}."


def _time(latency: float, period: float | None) -> str:
    if not latency:
        return "How long a decision takes is not modelled."
    if not period:
        return f"A decision takes {si(latency, 's')}."
    ratio = latency / period
    real = f"{ratio:.2g} times the {si(period, 's')} that the task leaves: too slow for it in real time"
    fast = f"of the {si(period, 's')} that the task leaves: fast enough for real time"
    return (
        f"A decision takes {si(latency, 's')}, {real}." if ratio > 1 else f"A decision takes {si(latency, 's')} {fast}."
    )


def _times(ratio: float) -> str:
    rounded = float(f"{ratio:.2g}")
    if rounded == 1:
        return "as much as"
    return f"{rounded:,.0f} times what" if rounded >= 10 else f"{rounded:g} times what"
