"""A policy plays; meanwhile its chip breaks, ages, learns on, and is reset."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gymnasium as gym

from pib_rl.adaptation.memory import MEMORY, remembered
from pib_rl.agents import PIB
from pib_rl.agents.network.faults import inject
from pib_rl.agents.rule.self_test import Remembered
from pib_rl.physical.faults import KINDS, Fault, FaultPlan
from pib_rl.physical.substrate import Read
from pib_rl.playing.fault_menu import DRIFT
from pib_rl.playing.learner import PlayLearner
from pib_rl.playing.player import EpisodePlayer
from pib_rl.training.config import TrainConfig
from pib_rl.training.loop import close
from pib_rl.training.resuming.failures import close_environment
from pib_rl.training.run import environments
from pib_rl.viewer import Scene, Status

FEW = 2  # steps from one picture to the next at the pace of most tasks


class Session(EpisodePlayer):
    """A play of a chip that breaks, ages, learns on and is reset; ``message`` says what happened last.

    Args:
        task: Configuration of the model's run.
        faults: What breaks, in order; their steps count steps played.
        learn_from: Steps played until learning in place begins; None is never.
        learn_every: Steps played to each rollout of the learner, if it has no thread.
        learn_steps: Environment steps that the learner makes.
        threaded: The learner has a thread of its own.
    """

    def __init__(
        self,
        model: PIB,
        task: TrainConfig,
        env: gym.Env[Any, Any],
        *,
        read: Read = Read.NOISY,
        seed: int = 0,
        faults: Sequence[Fault] = (),
        learn_from: int | None = None,
        learn_every: int = 50,
        learn_steps: int = 20_000,
        threaded: bool = False,
    ) -> None:
        super().__init__(model.policy, env, read, seed)
        self.task, self.learner, self.message = task, PlayLearner(model, learn_steps), ""
        self._plan = FaultPlan(faults, self._break)
        self._learn_from, self._learn_every, self._threaded = learn_from, learn_every, threaded
        self._healthy = {name: value.clone() for name, value in model.policy.state_dict().items()}
        self._asked: list[Callable[[], None]] = []
        self._memory: Remembered | None = None
        self._begin()

    def missed(self) -> list[str]:
        """What was to happen later than the play went on, in words."""
        found = [f"the fault {fault}" for fault in self._plan.ahead]
        if self._learn_from is not None:
            found.append(f"learning from step {self._learn_from} on")
        return found

    def _due(self) -> None:
        self._plan.reach(self.steps)
        if self._learn_from is not None and self.steps >= self._learn_from:
            self._learn_from = None
            self.learn()
        if self.learner.on and not self._threaded and self.steps % self._learn_every == 0:
            self.learner.advance()

    def happen(self, fault: Fault) -> None:
        """A fault happens now; what the policy answered before it is remembered.

        Raises:
            ValueError: If this hardware can't have it.
        """
        self._plan.strike(fault, self.steps)

    def _break(self, fault: Fault) -> None:
        self._remember()
        inject(self.policy.model, fault)
        self.mark()
        self.message = f"step {self.steps}: {fault.label} ({KINDS[fault.kind].size}): {fault.about}"

    def _remember(self) -> None:
        if self._memory is None:
            self._memory = remembered(self.policy, environments(self.task, self.task.n_envs, MEMORY))

    def learn(self) -> None:
        """Learning in place begins, or halts."""
        if self.learner.on:
            self.learner.halt()
            self.message = f"step {self.steps}: learning halts"
        elif self.learner.ending:
            self.message = "the learner still has to end; try again"
        else:
            self._remember()
            self.learner.begin(self._memory)
            self.message = f"step {self.steps}: the chip learns on in place"
            if self._threaded:
                self.learner.start()

    def reset(self) -> None:
        """The chip is as it was loaded, and an episode begins."""
        self.learner.forget()
        self.policy.load_state_dict(self._healthy)
        self._memory = None
        self._plan.happened.clear()
        self.marks.clear()
        self._begin()
        self.message = f"step {self.steps}: chip as it was loaded, new episode"

    def ask(self, action: Callable[[], None]) -> None:
        """Has something done to the chip as soon as it is free."""
        self._asked.append(action)

    def turn(self, steps: int, patience: float) -> Scene | None:
        """Does what was asked for and plays so many steps; what there is to be seen then.

        Beginnings of episodes count as steps; of a few steps the last are left out where an episode ends, so that its
        end can be seen. Returns None if the learner did not free the chip for ``patience`` seconds.

        Raises:
            Exception: What ended the learner.
        """
        if self.learner.error is not None:
            raise self.learner.error
        with self.learner.chip(patience) as free:
            if not free:
                return None
            while self._asked:
                self._asked.pop(0)()
            for _ in range(steps):
                self.advance()
                if self.over and steps <= FEW:
                    break
            return self.scene()

    def status(self) -> Status:
        """Where the play is."""
        happened = self._plan.happened
        return Status(
            f"{self.task.env} on {self.task.hw}",
            **self.place(),
            tags=(f"{self.probe.read.value} read",),
            age_s=sum((fault.size for fault in happened if fault.kind == DRIFT), 0.0),
            faults=tuple(fault.label for fault in happened if fault.kind != DRIFT),
            message=self.message,
            learning=self.learner.state(),
        )

    def scene(self) -> Scene:
        """What there is to be seen."""
        return self.probe.scene(self.status())

    def close(self) -> None:
        """Ends the learner and closes the environments."""
        self.learner.halt()
        self.learner.wait()
        close_environment(self.env)
        close(self.learner.model)
