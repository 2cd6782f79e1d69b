"""Learns in place while the same chip plays: one user at a time, the chip goes from hand to hand."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Iterator

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback

from pib_rl.agents import PIB
from pib_rl.agents.rule.self_test import Remembered
from pib_rl.cli.process import settle_in
from pib_rl.viewer import Learning

PAUSE = 1e-4  # seconds between two looks at whether the player is done
EPISODES, EVERY = 20, 512  # episodes that a mean return is of, and steps from one to the next


class TurnLock(BaseCallback):
    """Hands the chip over between two environment steps; ``means`` are returns of the latest 20, every 512 steps."""

    def __init__(self, learner: PlayLearner) -> None:
        super().__init__()
        self.learner = learner
        self.means: tuple[float, ...] = ()
        self._latest: deque[float] = deque(maxlen=EPISODES)
        self._next = EVERY

    def _on_step(self) -> bool:
        self._latest.extend(float(info["episode"]["r"]) for info in self.locals.get("infos", ()) if "episode" in info)
        if self.num_timesteps >= self._next and self._latest:
            self.means += (float(np.mean(self._latest)),)
            self._next = self.num_timesteps + EVERY
        return self.learner.give_way()


class PlayLearner:
    """Lets a model go on learning in its environments, rollout by rollout: in a thread, or by `advance`.

    Like an adaptation (`pib_rl.adaptation`), it starts the rule again on the chip as it is and goes by the answers that
    are remembered from before a fault; optimisers of the chip go on; rates fall over ``total`` steps, then it ends.

    Args:
        model: The model, whose policy plays too.
        total: Environment steps until it ends.

    Attributes:
        on: Whether it goes on.
        error: What ended the thread, if it was an error.
    """

    def __init__(self, model: PIB, total: int) -> None:
        self.model, self.total = model, total
        self.error: Exception | None = None
        self._lock = threading.Lock()
        self._wanted, self._stop = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._turns: TurnLock | None = None
        self.on = self._renewed = False

    def state(self) -> Learning | None:
        """How far it is; None if it never began."""
        if self._turns is None:
            return None
        return Learning(min(self.model.num_timesteps, self.total), self.total, self._turns.means, self.on)

    def begin(self, memory: Remembered | None) -> None:
        """Begins, by answers from before a fault if there are some, or goes on after `halt`."""
        if self.on:
            return
        self.wait()
        if not self._renewed:
            self.model.renew_rule()
            if memory is not None:
                self.model.rule.test.remember(*memory)
            self._renewed = True
        if self._turns is None or self.model.num_timesteps >= self.total:
            self._turns = TurnLock(self)
            _, self._callback = self.model._setup_learn(self.total, self._turns, True, "play", False)
        self._stop.clear()
        self.on = True

    def start(self) -> None:
        """Goes on in a thread of its own."""
        self._thread = threading.Thread(target=self._work, name="learner", daemon=True)
        self._thread.start()

    def halt(self) -> None:
        """Ends at the next environment step; what the rollout held is dropped."""
        self.on = False
        self._stop.set()

    def wait(self) -> None:
        """Waits until the thread has ended. Whoever holds the chip must not call it before the thread is about to."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def forget(self) -> None:
        """Halts; the next beginning is the first one again, as after a reset of the chip."""
        self.halt()
        self._turns, self._renewed = None, False

    @property
    def ending(self) -> bool:
        """Whether a thread was asked to end and still has to."""
        return not self.on and self._thread is not None and self._thread.is_alive()

    def advance(self) -> None:
        """One rollout and the learning from it, in the caller's thread."""
        with self._lock:
            self._advance()

    @contextlib.contextmanager
    def chip(self, patience: float = -1) -> Iterator[bool]:
        """Inside, the learner leaves the chip alone; yields False where it was not free for ``patience`` seconds.

        -1 waits as long as it takes.
        """
        self._wanted.set()
        try:
            free = self._lock.acquire(timeout=patience)
        finally:
            self._wanted.clear()
        try:
            yield free
        finally:
            if free:
                self._lock.release()

    def give_way(self) -> bool:
        """Lets the player have the chip, if it wants to; returns whether to go on."""
        if threading.current_thread() is self._thread:
            self._lock.release()
            while self._wanted.is_set():
                time.sleep(PAUSE)
            self._lock.acquire()
        return not self._stop.is_set()

    def _work(self) -> None:
        settle_in()
        with self._lock:
            try:
                while self.on:
                    self._advance()
            except Exception as error:
                self.error, self.on = error, False

    def _advance(self) -> None:
        model = self.model
        assert model.env is not None
        if not model.collect_rollouts(model.env, self._callback, model.rollout_buffer, model.n_steps):
            return
        model._update_current_progress_remaining(model.num_timesteps, self.total)
        model.train()
        if model.num_timesteps >= self.total:
            self.on = False
