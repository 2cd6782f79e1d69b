"""A window that shows a training while it goes on, and leaves it as it is."""

from __future__ import annotations

from dataclasses import replace

import pygame
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.utils import safe_mean
from tqdm import tqdm

from pib_rl.agents.network.wafer import chip_state
from pib_rl.agents.policy import PIBPolicy
from pib_rl.cli.cli import mistakes
from pib_rl.envs.make import make_env
from pib_rl.physical.faults import FaultPlan
from pib_rl.playing.config import USUAL
from pib_rl.playing.display import Display
from pib_rl.playing.frame_budget import FrameBudget
from pib_rl.playing.keys import Keys
from pib_rl.playing.player import EpisodePlayer
from pib_rl.training.callbacks import Clock
from pib_rl.training.config import TrainConfig
from pib_rl.viewer import Learning, Scene, Status

MOST = 4  # steps of the task from one frame to the next
POINTS = 100  # of the curve of mean returns
HELP = (
    ("SPACE", "the picture stands still, or moves again; the training goes on"),
    ("H", "this table"),
    ("ESC or Q", "close the window; the training goes on"),
)


class Preview(EpisodePlayer):
    """Plays a copy of the task that has pictures, by the policy in training, greedy and read noisy.

    Read noise comes from a separate stream and the meter stands still, as in `pib_rl.training.evaluation`: the training
    is the same, bit for bit.
    """

    def __init__(self, policy: PIBPolicy, config: TrainConfig) -> None:
        with mistakes():
            super().__init__(
                policy, make_env(config.env, config.distractors, render_mode="rgb_array"), seed=config.seed
            )
        with policy.streams.aside("live"), policy.meter.paused():
            self._begin()

    def play(self, steps: int, status: Status) -> Scene:
        """Plays so many steps, or until an episode ends; what there is to be seen then, with the training's status."""
        with self.policy.streams.aside("live"), self.policy.meter.paused():
            for _ in range(steps):
                self.advance()
                if self.over:
                    break
        return self.probe.scene(replace(status, **self.place()))


class Live(BaseCallback):
    """Shows a training in a window, now and then between two of its steps.

    While the policy learns or is evaluated there are no steps, and the picture stands still.

    Attributes:
        open: Whether the window is there.
        frames: Frames so far.

    Raises:
        UserError: If the task has no pictures or the window can't be opened.
    """

    def __init__(self, policy: PIBPolicy, config: TrainConfig, budget: FrameBudget | None = None) -> None:
        super().__init__()
        self._budget = budget or FrameBudget()
        self.keys, self.open, self.frames = Keys(HELP), True, 0
        shown = f", chip {config.chip}" if config.chips > 1 else ""
        self._title, self._total = f"{config.env} on {config.hw}{shown}", config.timesteps
        self._policy, self._chip = policy, config.chip
        self._means: tuple[float, ...] = ()
        self._plan: FaultPlan | None = None
        self._clock: Clock | None = None
        self.display = Display(USUAL, f"pib_rl: training {self._title}", "leave --render out")
        try:
            self.preview = Preview(policy.of_chip(config.chip), config)
            self._frame = self.preview.frame()
            self._scene = self.preview.play(0, self._status())
            self._show()
        except BaseException:
            self.display.close()
            raise

    def attach(self, plan: FaultPlan, clock: Clock) -> Live:
        """Shows from now on what broke and how much time passed for the chip."""
        self._plan, self._clock = plan, clock
        return self

    def _on_step(self) -> bool:
        if self.open and self._budget.due:
            with self._budget.frame() as passed:
                self.update(passed)
        return True

    def _on_rollout_start(self) -> None:
        self._follow()
        episodes = self.model.ep_info_buffer
        if episodes and self.num_timesteps >= self._total * len(self._means) / POINTS:
            self._means += (float(safe_mean([episode["r"] for episode in episodes])),)

    def _on_training_end(self) -> None:
        self.close()

    def _follow(self) -> None:
        """Of a wafer, the picture shows a copy of one chip: as it is now."""
        shown = self.preview.policy
        if self.open and shown is not self._policy:
            shown.load_state_dict(chip_state(self._policy.state_dict(), shown.state_dict(), self._chip))

    def update(self, passed: float) -> None:
        """Takes what keys say, plays the steps that are due after so many seconds, and shows where it is.

        A window that is closed, or a display that fails, ends the picture and not the training.
        """
        try:
            for key in self.display.pressed():
                self.keys.press(key)
            if self.keys.quit:
                self._end("the window is closed; the training goes on")
            else:
                if not self.keys.paused:
                    steps = min(MOST, max(1, round(passed * self.preview.fps)))
                    self._scene, self._frame = self.preview.play(steps, self._status()), self.preview.frame()
                self._show()
        except pygame.error as error:
            self._end(f"the picture has ended: {error}; the training goes on")
        self.frames += 1

    def _status(self) -> Status:
        """How the training is."""
        if self._plan is None or self._clock is None:
            return Status(self._title, message="H lists the keys")
        faults = self._plan.labels
        message = f"step {self._plan.happened[-1].step}: {faults[-1]}" if faults else "H lists the keys"
        return Status(self._title, faults=faults, age_s=self._clock.aged_s, message=message)

    def _show(self) -> None:
        """The picture; one that stands still names how far the training is, too."""
        done = min(self.num_timesteps, self._total)
        tags = (f"trained {100 * done // self._total} %", *("paused",) * self.keys.paused)
        learning = Learning(done, self._total, self._means, name="training")
        status = replace(self._scene.status, tags=tags, learning=learning, overlay=self.keys.overlay)
        self.display.show(replace(self._scene, status=status), self._frame)

    def _end(self, message: str) -> None:
        self.close()
        tqdm.write(message)

    def close(self) -> None:
        """Closes the window, if it is there."""
        if self.open:
            self.open = False
            self.preview.env.close()
            self.display.close()
