"""What a keeper knows of its chip: no truth about faults, and the labels of a few samples only."""

from __future__ import annotations

import math

import numpy as np

from pib_rl.envs.chip_keeper.chip import Chip, Service
from pib_rl.envs.chip_keeper.config import ACTIONS, ChipKeeperConfig

TRACK = 0.3  # fraction by which running means move towards a period
LEAST, MOST = -5.0, 5.0


class Monitor:
    """Keeps running means and turns them into observations.

    Running means start again with every action but "nothing": what was before tells little about a chip that changed.

    Attributes:
        names: What each number of an observation is.
        probe: Fraction of this period's labelled samples that were classified right.
        running: The same, as a running mean.
    """

    def __init__(self, config: ChipKeeperConfig) -> None:
        self.config = config
        numbers = range(1, config.units + 1)
        self.names = (
            "probe accuracy",
            "running accuracy",
            "margin",
            "running margin",
            "spread",
            "far",
            *(f"shift {n}" for n in numbers),
            *(f"gain {n}" for n in numbers),
            *(f"since {action}" for action in ACTIONS[1:]),
            "wear",
            "care energy",
            "time",
        )
        self.restart(1.0)

    def restart(self, healthy: float) -> None:
        """A new episode, with the accuracy that the maker states."""
        self.probe = self.running = healthy
        self.margin, self.periods = 0.0, 0
        self.since = [self.config.periods] * (len(ACTIONS) - 1)

    def act(self, action: int) -> None:
        """Takes note of an action, a number of `ACTIONS`."""
        self.since = [
            0 if action == number else min(passed + 1, self.config.periods)
            for number, passed in enumerate(self.since, 1)
        ]
        if action:
            self.periods = 0

    def observe(self, chip: Chip, service: Service, care_j: float, pulses: float, period: int) -> np.ndarray:
        """The observation after so many periods, shape (len(names),), float32.

        So far ``care_j`` joules were spent on care, and a device received ``pulses`` pulses on average.
        """
        config, length = self.config, self.config.periods
        margin = math.log(max(service.margin, 1e-3) / chip.margin)
        self.probe = float(service.right[: config.probes].mean())
        self.periods += 1
        rate = max(TRACK, 1 / self.periods)
        self.running += rate * (self.probe - self.running)
        self.margin += rate * (margin - self.margin)
        waits = [math.log1p(passed) / math.log1p(length) for passed in self.since]
        energy = math.log1p(care_j / (max(period, 1) * chip.period_j)) if chip.period_j else 0.0
        values = [
            self.probe,
            self.running,
            margin,
            self.margin,
            math.log(max(service.spread, 1e-3) / chip.spread),
            math.log1p(100 * service.far),
            *service.shift,
            *service.gain,
            *waits,
            pulses / config.endurance * 10,
            energy,
            period / length,
        ]
        return np.clip(np.array(values, dtype=np.float32), LEAST, MOST)
