"""A window that shows a training while it goes on, and leaves it as it is."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace

import pygame
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.utils import safe_mean
from tqdm import tqdm

from pib_rl.agents.policy import PIBPolicy
from pib_rl.cli.cli import mistakes
from pib_rl.envs.make import make_env
from pib_rl.playing.config import USUAL
from pib_rl.playing.display import Display
from pib_rl.playing.frame_budget import FrameBudget
from pib_rl.playing.player import EpisodePlayer
from pib_rl.training.callbacks import Clock, FaultSchedule
from pib_rl.training.config import TrainConfig
from pib_rl.viewer import Learning, Overlay, Scene, Status

MOST = 4  # steps of the task from one frame to the next
POINTS = 100  # of the curve of mean returns
HELP = (
    ("SPACE", "the picture stands still, or moves again; the training goes on"),
    ("H", "this table"),
    ("ESC or Q", "close the window; the training goes on"),
)


class Preview(EpisodePlayer):
    """A play of its own beside a training, by the policy as it is, greedy and read noisy, on the hardware as it is.

    Training environments have no picture, and some run side by side in one piece; so this is another copy of the task.
    Read noise comes from a stream of its own and the meter stands still, as in `pib_rl.training.evaluation`: the
    training is the same, bit for bit.

    Args:
        policy: The policy that is trained.
        config: Of the training.

    Raises:
        UserError: If the task can't be made with pictures.
    """

    def __init__(self, policy: PIBPolicy, config: TrainConfig) -> None:
        with mistakes():
            super().__init__(
                policy, make_env(config.env, config.distractors, render_mode="rgb_array"), seed=config.seed
            )
        with self._aside():
            self._begin()

    @contextlib.contextmanager
    def _aside(self) -> Iterator[None]:
        with self.policy.streams.aside("live"), self.policy.meter.paused():
            yield

    def play(self, steps: int, status: Status) -> Scene:
        """Plays so many steps.

        Args:
            steps: Environment steps, beginnings of episodes among them; where an episode ends, the rest is left out, so
                that its end can be seen.
            status: How the training is; where the play is goes into it.

        Returns:
            What there is to be seen then.
        """
        with self._aside():
            for _ in range(steps):
                self.advance()
                if self.over:
                    break
        return self.probe.scene(
            replace(status, step=self.steps, episode=self.episode, reward=self._reward, returns=self.earlier)
        )


class Live(BaseCallback):
    """Looks at a training from time to time, between two of its steps, and shows what there is to be seen.

    While the policy learns or is evaluated there are no steps, and the picture stands still.

    Args:
        policy: The policy that is trained.
        config: Of the training.
        budget: How often a frame may be made.

    Attributes:
        open: Whether the window is there.
        paused: Whether the picture stands still.
        overlay: The table in front.
        frames: Frames so far.

    Raises:
        UserError: If the task has no pictures or the window can't be opened.
    """

    def __init__(self, policy: PIBPolicy, config: TrainConfig, budget: FrameBudget | None = None) -> None:
        super().__init__()
        self._budget = budget or FrameBudget()
        self.open, self.paused, self.frames = True, False, 0
        self.overlay: Overlay | None = None
        self._title, self._total = f"{config.env} on {config.hw}", config.timesteps
        self._means: tuple[float, ...] = ()
        self._faults: FaultSchedule | None = None
        self._clock: Clock | None = None
        self.display = Display(USUAL, f"pib_rl: training {self._title}", "leave --render out")
        try:
            self.preview = Preview(policy, config)
            self._frame = self.preview.frame()
            self._scene = self.preview.play(0, self._status())
            self._show()
        except BaseException:
            self.display.close()
            raise

    def attach(self, faults: FaultSchedule, clock: Clock) -> Live:
        """Shows from now on what broke and how much time passed for the chip."""
        self._faults, self._clock = faults, clock
        return self

    def _on_step(self) -> bool:
        if self.open and self._budget.due:
            with self._budget.frame() as passed:
                self.update(passed)
        return True

    def _on_rollout_start(self) -> None:
        episodes = self.model.ep_info_buffer
        if episodes and self.num_timesteps >= self._total * len(self._means) / POINTS:
            self._means += (float(safe_mean([episode["r"] for episode in episodes])),)

    def _on_training_end(self) -> None:
        self.close()

    def update(self, passed: float) -> None:
        """Takes what keys say, plays the steps that are due after so many seconds, and shows where it is.

        A window that is closed, or a display that fails, ends the picture and not the training.
        """
        try:
            for key in self.display.pressed():
                self.press(key)
                if not self.open:
                    break
            else:
                steps = 0 if self.paused else min(MOST, max(1, round(passed * self.preview.fps)))
                self._advance(steps)
                self._show()
        except pygame.error as error:
            self._end(f"the picture has ended: {error}; the training goes on")
        self.frames += 1

    def press(self, key: int | None) -> None:
        """A key went down; None closes the window."""
        if key is None:
            self._end()
        elif self.overlay is not None:
            self.overlay = None
            if key in (pygame.K_h, pygame.K_ESCAPE):
                return
        if key == pygame.K_SPACE:
            self.paused = not self.paused
        elif key == pygame.K_h:
            self.overlay = Overlay("Keys", HELP)
        elif key in (pygame.K_ESCAPE, pygame.K_q):
            self._end()

    def _advance(self, steps: int) -> None:
        if steps:
            self._scene = self.preview.play(steps, self._status())
            self._frame = self.preview.frame()

    def _status(self) -> Status:
        """How the training is."""
        happened = [] if self._faults is None else self._faults.happened
        faults = tuple(f"{one['kind']} {one['size']:g}" for one in happened)
        message = f"step {happened[-1]['step']}: {faults[-1]}" if faults else "H lists the keys"
        return Status(
            self._title, faults=faults, age_s=0.0 if self._clock is None else self._clock.aged_s, message=message
        )

    def _show(self) -> None:
        """The picture; one that stands still names how far the training is, too."""
        done = min(self.num_timesteps, self._total)
        tags = (f"trained {100 * done // self._total} %", *(("paused",) if self.paused else ()))
        learning = Learning(done, self._total, self._means, name="training")
        status = replace(self._scene.status, tags=tags, learning=learning, overlay=self.overlay)
        self.display.show(replace(self._scene, status=status), self._frame)

    def _end(self, message: str = "the window is closed; the training goes on") -> None:
        if self.open:
            self.close()
            tqdm.write(message)

    def close(self) -> None:
        """Closes the window, if it is there."""
        if self.open:
            self.open = False
            self.preview.env.close()
            self.display.close()
