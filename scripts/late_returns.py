"""Returns of training episodes, by chip of a wafer, from some point of the training on."""

from __future__ import annotations

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback


class LateReturns(BaseCallback):
    """Notes the returns of episodes that end after ``start`` steps of each chip.

    Args:
        chips: Chips of the wafer, with equally many environments each.
        start: Steps of one chip.
    """

    def __init__(self, chips: int, start: float) -> None:
        super().__init__()
        self.start = start
        self.returns: list[list[float]] = [[] for _ in range(chips)]

    def _on_step(self) -> bool:
        infos = self.locals["infos"]
        for index, info in enumerate(infos):
            if "episode" in info and self.num_timesteps > self.start:
                self.returns[index * len(self.returns) // len(infos)].append(float(info["episode"]["r"]))
        return True

    def means(self) -> np.ndarray:
        """Mean return of each chip, shape (chips,); nan where no episode ended."""
        return np.array([np.mean(one) if one else np.nan for one in self.returns])
