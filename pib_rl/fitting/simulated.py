"""Pulses sent to simulated devices, as they were sent to measured ones."""

from __future__ import annotations

import numpy as np
import torch

from pib_rl.common.streams import Streams
from pib_rl.fitting.tracks import Tracks
from pib_rl.physical.memristive.config import MemristiveConfig
from pib_rl.physical.memristive.devices import Device
from pib_rl.physical.memristive.programming import PROGRAMMINGS
from pib_rl.physical.memristive.pulsed import PulsedCrossbar
from pib_rl.physical.meter import Meter


def fabricate(device: Device, count: int, seed: int) -> PulsedCrossbar:
    """So many devices, none stuck, one weight each."""
    streams = Streams(seed)
    law = PROGRAMMINGS["pulsed"](streams, device)
    return PulsedCrossbar(1, count, MemristiveConfig(stuck=0.0), device, law, Meter(), streams, readout=True)


def simulate(device: Device, tracks: Tracks, seed: int) -> np.ndarray:
    """Weights of simulated devices, shape of ``tracks.weight``: from the same start, under the same pulses."""
    array = fabricate(device, len(tracks.weight), seed)
    start = torch.tensor(tracks.weight[:, 0], dtype=torch.float32).view(1, -1, 1)
    array.held[0:1].copy_(torch.minimum(torch.maximum(start, array.low[0:1]), array.high[0:1]))
    found = [tracks.weight[:, 0]]
    for t in range(1, tracks.weight.shape[1]):
        sign = np.where(tracks.up[:, t], 1, -1) * tracks.pulses[:, t] * tracks.there[:, t]
        array.pulse(torch.tensor(sign, dtype=torch.float32).view(-1, 1))
        found.append(array.seen[0, :, 0].double().numpy())
    return np.array(found).T
