"""Breaks a chip, or lets it age: it happens to every medium and array that can have it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch

from pib_rl.agents.network.model import PhysicalModel
from pib_rl.physical.faults import Fault
from pib_rl.physical.part import Part

DEAD_UNIT = "dead-unit"  # the one fault that belongs to a unit, on any substrate


def parts(model: PhysicalModel) -> list[Part]:
    """All media and arrays on the way of the light or current: those of the units, the last medium, the readout."""
    units = [part for unit in model.network.chain for part in (unit.medium, unit.array)]
    return [*units, model.network.last, model.readout.array]


def offered(model: PhysicalModel) -> list[str]:
    """The kinds of faults that this hardware can have, sorted."""
    return sorted({DEAD_UNIT, *(kind for part in parts(model) for kind in part.faults())})


def check(model: PhysicalModel, fault: Fault) -> None:
    """Raises ValueError if no part of this hardware can have the fault, or there is no such unit; it names what can."""
    _ways(model, fault)


@torch.inference_mode()
def inject(model: PhysicalModel, fault: Fault) -> None:
    """Makes a fault happen, now and for good, to everything that can have it.

    What it changes is in buffers: a broken chip is saved and loaded broken. It is drawn from the stream ``fault``.

    Raises:
        ValueError: As `check` does; nothing is broken then.
    """
    for way in _ways(model, fault):
        way()


@torch.inference_mode()
def age(model: PhysicalModel, seconds: float) -> None:
    """Lets so much simulated time, 0 seconds or more, pass for every medium and array (`Part.age`)."""
    for part in parts(model):
        part.age(seconds)


def _ways(model: PhysicalModel, fault: Fault) -> list[Callable[[], None]]:
    """What makes the fault happen, part by part."""
    chain = model.network.chain
    if fault.kind == DEAD_UNIT:
        if fault.size > len(chain):
            raise ValueError(
                f"the number of a dead unit must be in 1..{len(chain)}, the units of this network, got {fault.size:g}"
            )
        return [chain[int(fault.size) - 1].die]
    known = [part.faults() for part in parts(model)]
    size = fault.on(model.streams.chips)
    found: list[Callable[[], None]] = [partial(ways[fault.kind], size) for ways in known if fault.kind in ways]
    if not found:
        raise ValueError(
            f"{model.chip.hw} hardware can't have the fault {fault.kind}; choose among {', '.join(offered(model))}"
        )
    return found
