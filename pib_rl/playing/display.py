"""The window itself: it opens, takes another size, shows scenes, and closes."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
import pygame

from pib_rl.cli.cli import UserError, mistakes
from pib_rl.viewer import Painter, Scene
from pib_rl.viewer.sizes import SMALLEST

FRAMES = 30  # a second, at most


class Display:
    """A window with a panel in it.

    Raises:
        UserError: If the display can't be opened; the message ends with ``instead``, what to do without one.
    """

    def __init__(self, size: tuple[int, int], title: str, instead: str) -> None:
        with mistakes():
            self.painter = Painter(size)
        os.environ.setdefault("SDL_FRAMEBUFFER_ACCELERATION", "0")  # textures drawn by the CPU took ten times as long
        try:
            pygame.display.init()
            self._screen = pygame.display.set_mode(size, pygame.RESIZABLE)
        except pygame.error as error:
            raise UserError(f"cannot open a window: {error}; {instead}") from None
        pygame.display.set_caption(title)

    def pressed(self) -> Iterator[int | None]:
        """Keys that went down since the last call; None if the window is to be closed. Follows a new size."""
        for event in pygame.event.get():
            if event.type == pygame.QUIT:
                yield None
            elif event.type == pygame.KEYDOWN:
                yield event.key
            elif event.type == pygame.VIDEORESIZE:
                self._resize(event.w, event.h)

    def _resize(self, width: int, height: int) -> None:
        """Takes another size, in pixels; small ones are made larger."""
        size = max(SMALLEST[0], width), max(SMALLEST[1], height)
        self.painter = Painter(size)
        self._screen = pygame.display.set_mode(size, pygame.RESIZABLE)

    def show(self, scene: Scene, frame: np.ndarray | None) -> None:
        """Paints what changed and brings it to the screen."""
        changed = self.painter.paint(scene, frame)
        for rect in changed:
            self._screen.blit(self.painter.surface, rect, rect)
        if changed:
            pygame.display.update(changed)

    def close(self) -> None:
        """Closes the window."""
        pygame.display.quit()
