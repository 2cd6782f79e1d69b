"""Keys that every window has."""

from __future__ import annotations

from collections.abc import Callable

import pygame

from pib_rl.viewer import Overlay

Rows = tuple[tuple[str, str], ...]
Actions = dict[int, Callable[[], None]]


class Keys:
    """What keys have set.

    Args:
        rows: Keys and what they do, for the table that H shows.

    Attributes:
        paused: Whether the picture waits.
        quit: Whether the window is to be closed.
        overlay: The table in front; it goes with the next key.
        actions: What each key does.
    """

    def __init__(self, rows: Rows) -> None:
        self.paused = self.quit = False
        self.overlay: Overlay | None = None
        closing: Actions = dict.fromkeys((pygame.K_h, pygame.K_ESCAPE), _nothing)
        self.actions: Actions = {
            pygame.K_SPACE: self._pause,
            pygame.K_h: lambda: self.show(Overlay("Keys", rows), {**self.actions, **closing}),
            pygame.K_ESCAPE: self._end,
            pygame.K_q: self._end,
        }
        self._active = self.actions

    def press(self, key: int | None) -> None:
        """A key went down; None closes the window."""
        active, self._active, self.overlay = self._active, self.actions, None
        if key is None:
            self._end()
        else:
            active.get(key, _nothing)()

    def show(self, overlay: Overlay, actions: Actions) -> None:
        """Shows a table; the next key does what ``actions`` say, if they name it."""
        self.overlay, self._active = overlay, actions

    def _pause(self) -> None:
        self.paused = not self.paused

    def _end(self) -> None:
        self.quit = True


def _nothing() -> None:
    """What other keys do."""
