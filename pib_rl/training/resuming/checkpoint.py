"""Keeps what a training has reached: in memory at every rollout, on disk from time to time."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stable_baselines3.common.callbacks import BaseCallback

from pib_rl.agents import PIB
from pib_rl.agents.resuming.checkpoints import Checkpoint, save_checkpoint
from pib_rl.common.tree import Flat, flatten_state, join_state
from pib_rl.training.resuming.progress import load_run_state, run_state

SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Every:
    """How often: after so many seconds, or so many environment steps.

    Args:
        seconds: Seconds, or None.
        steps: Environment steps, or None.
    """

    seconds: float | None = None
    steps: int | None = None

    @classmethod
    def parse(cls, text: str) -> Every:
        """From a number of steps, or a time such as 30s, 5min, 1h; ValueError if it is neither, or not positive."""
        match = re.fullmatch(r"(\d{1,12}(?:\.\d{1,6})?)(s|min|h)?", str(text))
        if match is None or float(match[1]) == 0 or (match[2] is None and "." in match[1]):
            raise ValueError(
                f"--checkpoint-every must be a time such as 30s, 5min or 1h, or a number of steps, got {text!r}"
            )
        return cls(float(match[1]) * SECONDS[match[2]]) if match[2] else cls(steps=int(match[1]))


class Checkpoints(BaseCallback):
    """Takes the state of a training at every start of a rollout, and writes it to the run folder when it is time.

    It has to be the first callback: what others do at that moment happens again where the training goes on.

    Args:
        folder: The run folder.
        every: How often it is written.
        total: Environment steps of the training.
        others: Callbacks that know where the run is, see `run_state`.
        start: Where the training goes on; None for a new one.

    Attributes:
        wall_s: Seconds that the training had taken when it began to go on.
        exact: Whether it goes on exactly, environments included.
    """

    model: PIB

    def __init__(
        self, folder: Path, every: Every, total: int, others: Sequence[BaseCallback], start: Checkpoint | None = None
    ) -> None:
        super().__init__()
        self.folder, self.every, self.total, self.others, self.start = folder, every, total, others, start
        self.wall_s = 0.0 if start is None else float(start.parts["run"].plain["wall_s"])
        self.exact = True
        self._taken: Checkpoint | None = None
        self._written_step = 0 if start is None else start.step
        self._began = self._written_at = time.monotonic()

    def resume(self, model: PIB) -> None:
        """Brings the agent, its logger and the other callbacks to where the training goes on.

        Raises:
            ValueError: If the checkpoint does not fit them.
        """
        if self.start is None:
            return
        self.exact = model.load_training_state(self.start.parts["agent"])
        load_run_state(join_state(self.start.parts["run"]), model.logger, self.others)

    @property
    def kept(self) -> int | None:
        """Step of what `keep` would write."""
        return None if self._taken is None else self._taken.step

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        run = run_state(self.model, self.others, self.folder)
        run["wall_s"] = self.wall_s + time.monotonic() - self._began
        parts: dict[str, Flat] = {"agent": self.model.training_state(), "run": flatten_state(run)}
        self._taken = Checkpoint(self.model.num_timesteps, self.total, parts)
        steps, seconds = self.model.num_timesteps - self._written_step, time.monotonic() - self._written_at
        if steps >= (self.every.steps or 1) and seconds >= (self.every.seconds or 0):
            self.keep()

    def _on_training_end(self) -> None:
        self._on_rollout_start()
        self.keep()

    def keep(self) -> None:
        """Writes the state of the last start of a rollout."""
        if self._taken is not None:
            save_checkpoint(self.folder, self._taken)
            self._written_step, self._written_at = self._taken.step, time.monotonic()
