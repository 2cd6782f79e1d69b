"""Fits the published presets from their own simulated pulses, blind, and counts what came back."""

from __future__ import annotations

import math

import numpy as np
import torch

from pib_rl.common.streams import Streams
from pib_rl.physical.memristive.config import MemristiveConfig
from pib_rl.physical.memristive.devices import DEVICES, Device
from pib_rl.physical.memristive.programming import PROGRAMMINGS
from pib_rl.physical.memristive.pulsed import PulsedCrossbar
from pib_rl.physical.meter import Meter


def simulate(device: Device, devices=5, cycles=3, points=150, seed=0):
    """Rows of device, cycle, pulse, direction, weight; and the crossbar."""
    config = MemristiveConfig(stuck=0.0)
    streams = Streams(seed)
    array = PulsedCrossbar(
        1, devices, config, device, PROGRAMMINGS["pulsed"](streams, device), Meter(), streams, readout=True
    )
    across = 2.0 * device.states * device.step / device.typical_step
    each = max(1, int(across / points))
    count = int(np.clip(across / each, 40, points))
    rows = []
    for cycle in range(cycles):
        if device.one_sided:
            array.held.zero_()
        else:
            array.pulse(torch.full((devices, 1), -each * count))
        pulse = 0
        for way in (1,) if device.one_sided else (1, -1):
            for _ in range(count):
                pulse += each
                array.held[..., 0:1, :, :] if device.one_sided else None
                array.pulse(torch.full((devices, 1), float(way * each)))
                seen = array.seen[0, :, 0].tolist()
                rows += [(d, cycle, pulse, way, seen[d]) for d in range(devices)]
    return rows, array
