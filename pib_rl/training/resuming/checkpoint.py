"""Keeps what a training has reached: in memory at every start of a rollout, on disk from time to time."""

from __future__ import annotations

from collections.abc import Sequence

from stable_baselines3.common.callbacks import BaseCallback

from pib_rl.agents import PIB
from pib_rl.agents.resuming.checkpoints import Checkpoint
from pib_rl.common.tree import flatten_state, join_state
from pib_rl.runs.saving import Saver
from pib_rl.training.resuming.progress import load_run_state, run_state


class Checkpoints(BaseCallback):
    """Takes the state of a training at every start of a rollout.

    It has to be the first callback: what others do at that moment happens again where the training goes on.

    Args:
        saver: Where states go, and where the training goes on.
        others: Callbacks that know where the run is, see `run_state`.

    Attributes:
        exact: Whether it goes on exactly, environments included.
    """

    model: PIB

    def __init__(self, saver: Saver, others: Sequence[BaseCallback]) -> None:
        super().__init__()
        self.saver, self.others, self.exact = saver, others, True

    @property
    def start(self) -> Checkpoint | None:
        """Where the training goes on; None for a new one."""
        return self.saver.start

    def resume(self, model: PIB) -> None:
        """Brings the agent, its logger and the other callbacks to where the training goes on.

        Raises:
            ValueError: If the checkpoint does not fit them.
        """
        if self.start is not None:
            self.exact = model.load_training_state(self.start.parts["agent"])
            load_run_state(join_state(self.start.parts["run"]), model.logger, self.others)

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        run = flatten_state(run_state(self.model, self.others, self.saver.folder))
        self.saver.take(self.model.num_timesteps, {"agent": self.model.training_state(), "run": run})

    def _on_training_end(self) -> None:
        self._on_rollout_start()
        self.saver.keep()
