"""What can be done to a chip while it plays: faults in sensible sizes, and time."""

from __future__ import annotations

from pib_rl.agents.network.faults import offered
from pib_rl.agents.network.model import PhysicalModel
from pib_rl.physical.faults import Fault

DRIFT, DAY = "drift", 86400.0
SIZES = {
    "stuck": 0.3,
    "dead-pixels": 0.3,
    DRIFT: 1e6,
    "rotate-medium": 30.0,
    "shift-camera": 1.0,
    "dead-unit": 1.0,
    "adc-bits": 3.0,
}  # what hurts a trained policy and leaves something to learn from


def fault_menu(model: PhysicalModel) -> list[Fault]:
    """One fault of each kind that this hardware can have."""
    return [Fault(kind, SIZES[kind]) for kind in offered(model)]


def day_passes(model: PhysicalModel) -> Fault | None:
    """A day that passes; None where nothing of the hardware ages."""
    return Fault(DRIFT, DAY) if DRIFT in offered(model) else None
