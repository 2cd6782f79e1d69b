"""Arrays of a policy by name, their settings, and the pulses that lead there."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from pib_rl.agents.network.model import PhysicalModel
from pib_rl.physical.memristive.linear import LinearCrossbar
from pib_rl.physical.memristive.pulsed import PulsedCrossbar
from pib_rl.physical.substrate import Array

MOST = 100_000  # pulses to one device
SIGNS = ("+", "-")  # devices of a weight


def named_arrays(model: PhysicalModel) -> dict[str, Array]:
    """The arrays of a model: unit1, unit2, ..., readout."""
    units = {f"unit{k}": unit.array for k, unit in enumerate(model.network.chain, 1)}
    return units | {"readout": model.readout.array}


def way(fabricated: Array, trained: Array) -> tuple[str, Tensor] | None:
    """What leads from a fabricated array to the trained one, device by device; None where a value is simply set.

    Of pulsed devices that is "pulses", upwards where positive, counted by each device's own mean step; of linear ones
    "asked_us", the conductance to ask for in microsiemens, divided by each device's own step size. Devices that are
    stuck get none.
    """
    if isinstance(trained, PulsedCrossbar) and isinstance(fabricated, PulsedCrossbar):
        return "pulses", _pulses(fabricated, trained)
    if isinstance(trained, LinearCrossbar) and isinstance(fabricated, LinearCrossbar):
        change = trained.settings()[1] - fabricated.settings()[1]
        return "asked_us", torch.where(trained.step > 0, change / trained.step.clamp(min=1e-6), 0.0)
    return None


def _pulses(fabricated: PulsedCrossbar, trained: PulsedCrossbar) -> Tensor:
    """Whole numbers, shape of ``held``."""
    device, drawn = trained.device, trained.population
    state, goal = fabricated.held.clone(), trained.held
    up = goal > state
    moving = trained.up > 0
    count = torch.zeros_like(state)
    for _ in range(MOST):
        step = device.law.step(state, up, drawn)
        short = moving & ((goal - state).abs() > step.abs() / 2) & ((goal > state) == up) & (step != 0)
        if not short.any():
            break
        count += short
        state = torch.where(short, state + step, state)
    return torch.where(up, count, -count)


def rows(array: Array, route: tuple[str, Tensor] | None) -> list[dict[str, Any]]:
    """A row per device: output, input, device where a weight has several, its setting, and the way there."""
    name, values = array.settings()
    several = values.ndim > 2
    tables = {name: values} | ({} if route is None else {route[0]: route[1]})
    found: list[dict[str, Any]] = []
    for place in torch.cartesian_prod(*(torch.arange(size) for size in values.shape)).tolist():
        *device, output, taken = place
        row: dict[str, Any] = {"output": output, "input": taken}
        if several:
            row["device"] = SIGNS[device[0]]
        numbers = {key: table[tuple(place)].item() for key, table in tables.items()}
        found.append(row | {key: int(value) if key == "pulses" else value for key, value in numbers.items()})
    return found
