"""Keys of the window, and what they do."""

from __future__ import annotations

import pygame

from pib_rl.physical.faults import KINDS
from pib_rl.physical.substrate import Read
from pib_rl.playing.fault_menu import day_passes, fault_menu
from pib_rl.playing.session import Session
from pib_rl.viewer import Overlay

READS = tuple(Read)
SLOWEST, FASTEST = -4, 5  # powers of 2
FASTER = (pygame.K_UP, pygame.K_PLUS, pygame.K_KP_PLUS, pygame.K_EQUALS)
SLOWER = (pygame.K_DOWN, pygame.K_MINUS, pygame.K_KP_MINUS)
HELP = (
    ("SPACE", "pause, go on"),
    ("RIGHT or N", "one step"),
    ("UP, DOWN", "faster, slower (also + and -)"),
    ("M", "read the hardware noisy, mean, ideal"),
    ("F, then 1-9", "break something"),
    ("D", "a day passes for the chip"),
    ("L", "learn on in place; again to halt"),
    ("R", "chip as it was loaded, new episode"),
    ("S", "save the picture in the run folder"),
    ("H", "this table"),
    ("ESC or Q", "quit"),
)


class Controls:
    """What keys have set, and what they ask of the session.

    Args:
        session: The play.

    Attributes:
        paused: Whether the play waits.
        speed: Power of 2 that the speed of the task is multiplied with.
        single: Steps to make while paused.
        quit: Whether to end.
        snapshot: Whether to save a picture.
        overlay: The table in front.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.paused, self.quit, self.snapshot = False, False, False
        self.speed, self.single = 0, 0
        self.overlay: Overlay | None = None
        self._menu = fault_menu(session.policy.model)

    @property
    def tags(self) -> tuple[str, ...]:
        """What people should know of them."""
        tags = []
        if self.speed:
            tags.append(f"speed x{2**self.speed}" if self.speed > 0 else f"speed 1/{2**-self.speed}")
        return (*tags, "paused") if self.paused else tuple(tags)

    def press(self, key: int | None) -> None:
        """A key went down; None closes the window."""
        if key is None:
            self.quit = True
        elif self._choosing:
            self._choose(key)
        elif self.overlay is not None and key in (pygame.K_h, pygame.K_ESCAPE):
            self.overlay = None
        else:
            self.overlay = None
            self._act(key)

    def _act(self, key: int) -> None:
        if key == pygame.K_SPACE:
            self.paused = not self.paused
        elif key in (pygame.K_RIGHT, pygame.K_n):
            self.paused, self.single = True, self.single + 1
        elif key in FASTER:
            self.speed = min(FASTEST, self.speed + 1)
        elif key in SLOWER:
            self.speed = max(SLOWEST, self.speed - 1)
        elif key == pygame.K_m:
            self.session.ask(self._next_read)
        elif key == pygame.K_f:
            self._open_faults()
        elif key == pygame.K_d:
            self._pass_day()
        elif key == pygame.K_l:
            self.session.ask(self.session.learn)
        elif key == pygame.K_r:
            self.session.ask(self.session.reset)
        elif key == pygame.K_s:
            self.snapshot = True
        elif key == pygame.K_h:
            self.overlay = Overlay("Keys", HELP)
        elif key in (pygame.K_ESCAPE, pygame.K_q):
            self.quit = True

    @property
    def _choosing(self) -> bool:
        return self.overlay is not None and self.overlay.title != "Keys"

    def _choose(self, key: int) -> None:
        """A key while the menu of faults is open: a number chooses, anything else closes it."""
        self.overlay = None
        index = next((key - first for first in (pygame.K_1, pygame.K_KP_1) if 0 <= key - first < len(self._menu)), None)
        if index is not None:
            fault = self._menu[index]
            self.session.ask(lambda: self.session.happen(fault))

    def _open_faults(self) -> None:
        rows = tuple(
            (f"{number}  {fault.kind}", f"{fault.size:g} ({KINDS[fault.kind].size}): {fault.about}")
            for number, fault in enumerate(self._menu, 1)
        )
        self.overlay = Overlay("Break something: press a number", (*rows, ("any other key", "nothing")))

    def _next_read(self) -> None:
        probe = self.session.probe
        probe.read = READS[(READS.index(probe.read) + 1) % len(READS)]
        self.session.message = f"step {self.session.steps}: {probe.read.value} reads of the hardware from now on"

    def _pass_day(self) -> None:
        fault = day_passes(self.session.policy.model)
        if fault is None:
            self.session.message = "nothing of this hardware ages"
        else:
            self.session.ask(lambda: self.session.happen(fault))
