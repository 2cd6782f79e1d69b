"""The window: keys in, pictures out, while the session plays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pygame
from PIL import Image

from pib_rl.cli.cli import UserError, mistakes
from pib_rl.playing.controls import Controls
from pib_rl.playing.display import FRAMES, Display
from pib_rl.playing.film import save_picture
from pib_rl.playing.session import Session
from pib_rl.viewer import Scene

PATIENCE = 0.02  # seconds that a frame waits for the chip
DEBT = 4  # frames of play that are made up for when the chip was not free


class Window:
    """Shows a session, its learner in a thread, until somebody ends it; pictures are saved in ``folder``.

    Args:
        size: Width and height in pixels.
        fps: Environment steps a second at speed 1.
    """

    def __init__(self, session: Session, size: tuple[int, int], fps: float, folder: Path) -> None:
        self.session, self.controls = session, Controls(session)
        self.fps, self.folder = fps, folder
        self.display = Display(size, f"pib_rl: {session.status().title}", "use --render gif or --render png")
        pygame.key.set_repeat(400, 60)
        self._due = 0.0
        self._scene: Scene = session.scene()
        self._frame = session.frame()
        self.frames = 0

    def run(self, over: Callable[[], bool] = lambda: False) -> None:
        """Plays until the window is closed, or ``over`` says so."""
        clock = pygame.time.Clock()
        try:
            while not self.controls.quit and not over():
                for key in self.display.pressed():
                    self.controls.press(key)
                self._play(min(clock.tick(FRAMES), 1000) / 1000)
                self._show()
                self.frames += 1
        finally:
            self.display.close()

    def _play(self, passed: float) -> None:
        """Makes the steps that are due after so many seconds."""
        controls = self.controls
        rate = self.fps * 2.0**controls.speed
        self._due = 0.0 if controls.paused else min(self._due + passed * rate, max(1.0, DEBT * rate / FRAMES))
        steps = controls.single if controls.paused else int(self._due)
        with mistakes():
            scene = self.session.turn(steps, PATIENCE)
        if scene is None:
            self._scene = replace(self._scene, status=self.session.status())
            return
        controls.single = 0
        self._due -= 0 if controls.paused else steps
        self._scene = scene
        if steps:
            self._frame = self.session.frame()

    def _show(self) -> None:
        """Paints what changed and brings it to the screen."""
        status = self._scene.status
        status = replace(
            status,
            tags=(*status.tags, *self.controls.tags),
            overlay=self.controls.overlay,
            message=self.session.message or "H lists the keys",
        )
        self.display.show(replace(self._scene, status=status), self._frame)
        if self.controls.snapshot:
            self.controls.snapshot = False
            self._save()

    def _save(self) -> None:
        path = self.folder / f"play-{self.session.steps}.png"
        try:
            save_picture(Image.fromarray(self.display.painter.array()), path, "PNG")
            self.session.message = f"saved {path}"
        except UserError as error:
            self.session.message = str(error)
