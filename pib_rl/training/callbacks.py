"""What happens beside training: the progress bar, regular evaluations, faults, and time that passes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.utils import safe_mean
from tqdm import tqdm

from pib_rl.physical.faults import FaultPlan
from pib_rl.runs.folder import EvaluationPoint
from pib_rl.runs.tensorboard import write_events


class Progress(BaseCallback):
    """A bar with steps per second, mean episode reward, and each unit's information on the target.

    Args:
        total: Environment steps of the training, those of one chip.
    """

    def __init__(self, total: int) -> None:
        super().__init__()
        self.total = total
        self.bar: tqdm[Any] | None = None

    def _on_training_start(self) -> None:
        done = min(self.num_timesteps, self.total)
        self.bar = tqdm(total=self.total, initial=done, unit="step", dynamic_ncols=True, smoothing=0.05)

    def _on_step(self) -> bool:
        assert self.bar is not None
        self.bar.update(min(self.num_timesteps, self.total) - self.bar.n)
        return True

    def _on_rollout_start(self) -> None:
        assert self.bar is not None
        metrics = {}
        episodes = self.model.ep_info_buffer
        if episodes:
            metrics["reward"] = f"{safe_mean([episode['r'] for episode in episodes]):.1f}"
        seen = self.logger.name_to_value
        units = [value for key, value in seen.items() if key.startswith("information/target_")]
        if units:
            metrics["information"] = "/".join(f"{value:.2f}" for value in units)
        self.bar.set_postfix(metrics, refresh=False)

    def _on_training_end(self) -> None:
        self.close()

    def close(self) -> None:
        """Leaves the bar as it is; also after an interrupted training."""
        if self.bar is not None:
            self.bar.close()


class Evaluation(BaseCallback):
    """Evaluates at given steps; remembers the best policy and the first step that solved the task.

    Args:
        evaluate: Returns the greedy episode returns of the policy as it is now, shape (*chips, episodes).
        steps: Environment steps after which it evaluates, ascending: at the first start of a rollout from there on,
            once for all steps that lie before it.
        threshold: Mean return that counts as solved, or None.
        save: Called at each new best policy.
        measurements: Physical measurements so far; none without hardware.
        pictures: What to show in TensorBoard beside the score, by name; nothing by default.

    Attributes:
        points: What was seen, in order; of a wafer the means over its chips.
        each: Mean returns of every chip then, shape (*chips).
    """

    def __init__(
        self,
        evaluate: Callable[[], np.ndarray],
        steps: Sequence[int],
        threshold: float | None,
        save: Callable[[], None] = lambda: None,
        measurements: Callable[[], int] = lambda: 0,
        pictures: Callable[[], dict[str, np.ndarray]] = dict,
    ) -> None:
        super().__init__()
        self.evaluate, self.threshold, self.save = evaluate, threshold, save
        self.measurements, self.pictures = measurements, pictures
        self.waiting = deque(steps)
        self.best = -np.inf
        self.solved_at: int | None = None
        self.points: list[EvaluationPoint] = []
        self.each: list[np.ndarray] = []

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        due = False
        while self.waiting and self.waiting[0] <= self.num_timesteps:
            self.waiting.popleft()
            due = True
        if due:
            self.evaluate_now()

    def evaluate_now(self) -> None:
        """Evaluates the policy as it is now."""
        self.each.append(self.evaluate().mean(-1))
        mean = float(self.each[-1].mean())
        self.points.append(EvaluationPoint(self.num_timesteps, mean, self.measurements()))
        self.logger.record("eval/mean_reward", mean, exclude="tensorboard")
        self.logger.record("eval/timesteps", self.num_timesteps, exclude="tensorboard")  # written one rollout later
        if self.threshold is not None and mean >= self.threshold and self.solved_at is None:
            self.solved_at = self.num_timesteps
        if mean >= self.best:
            self.best = mean
            self.save()
        write_events(self.logger, {"eval/mean_reward": mean, **self.pictures()}, self.num_timesteps)


class RolloutReturns(BaseCallback):
    """Logs the mean return of the episodes that ended in each rollout, as ``rollout/return``.

    The mean of the last 100 episodes, which Stable-Baselines3 logs, lags behind by as many steps as these took: with
    500 steps an episode by 50,000.
    """

    def __init__(self) -> None:
        super().__init__()
        self.ended: list[float] = []

    def _on_step(self) -> bool:
        for index in np.flatnonzero(self.locals["dones"]):
            episode = self.locals["infos"][index].get("episode")
            if episode is not None:
                self.ended.append(float(episode["r"]))
        return True

    def _on_rollout_end(self) -> None:
        if self.ended:
            self.logger.record("rollout/return", float(np.mean(self.ended)))
        self.ended.clear()


class FaultSchedule(BaseCallback):
    """Lets faults happen during a training: at the first start of a rollout after their step, or at the end."""

    def __init__(self, plan: FaultPlan) -> None:
        super().__init__()
        self.plan = plan

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        self.plan.reach(self.num_timesteps)

    def _on_training_end(self) -> None:
        self._on_rollout_start()


class Clock(BaseCallback):
    """Lets time pass for the hardware during a training: after each rollout as much as its steps took.

    One chip serves all environments, one after the other: a step of each of them counts. Learning takes no time; it
    works on the hardware as it is after the rollout.

    Args:
        seconds: Simulated seconds per environment step.
        age: Lets so many seconds pass.

    Attributes:
        aged_s: Seconds that passed.
    """

    def __init__(self, seconds: float, age: Callable[[float], None]) -> None:
        super().__init__()
        self.seconds, self.age = seconds, age
        self.aged_s = 0.0
        self._seen = 0

    def _on_training_start(self) -> None:
        self._seen = self.num_timesteps

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        passed = self.seconds * (self.num_timesteps - self._seen)
        self._seen = self.num_timesteps
        if passed:
            self.age(passed)
            self.aged_s += passed
