"""Crossbars of pulsed devices without imperfections but those that a test asks for."""

from __future__ import annotations

from dataclasses import replace

from chips import EXACT

from pib_rl.common.streams import Streams
from pib_rl.physical.memristive.config import MemristiveConfig
from pib_rl.physical.memristive.devices import Device
from pib_rl.physical.memristive.programming import PROGRAMMINGS
from pib_rl.physical.memristive.pulsed import PulsedCrossbar
from pib_rl.physical.memristive.step_laws import LinearStep
from pib_rl.physical.meter import Meter

PLAIN = Device(LinearStep(), step=0.01, source="a device without imperfections")
PAIR = replace(PLAIN, low=0.0, high=2.0, one_sided=True)


def crossbar(
    device: Device = PLAIN,
    programming: str = "pulsed",
    inputs: int = 64,
    outputs: int = 50,
    readout: bool = True,
    seed: int = 0,
    chips: int | None = None,
    **options,
) -> PulsedCrossbar:
    """A crossbar with no imperfection but those of ``device`` and ``options``; its weights start at 0."""
    streams = Streams(seed, chips)
    config = MemristiveConfig(**{**EXACT, **options})
    law = PROGRAMMINGS[programming](streams, device)
    return PulsedCrossbar(inputs, outputs, config, device, law, Meter(streams.chips), streams, readout)
