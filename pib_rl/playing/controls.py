"""Keys of the window, and what they do."""

from __future__ import annotations

import pygame

from pib_rl.physical.faults import KINDS
from pib_rl.physical.substrate import Read
from pib_rl.playing import fault_menu
from pib_rl.playing.session import Session
from pib_rl.viewer import Overlay

READS = tuple(Read)
SLOWEST, FASTEST = -4, 5  # powers of 2
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
        speed: Power of 2 that the pace of the task is multiplied with.
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
        self._menu = fault_menu.menu(session.policy.model)

    @property
    def tags(self) -> tuple[str, ...]:
        """What people should know of them."""
        tags = []
        if self.speed:
            tags.append(f"speed x{2**self.speed}" if self.speed > 0 else f"speed 1/{2**-self.speed}")
        return (*tags, "paused") if self.paused else tuple(tags)

    def press(self, key: int) -> None:
        """A key went down."""
        if self._choosing:
            self._choose(key)
            return
        if self.overlay is not None:
            self.overlay = None
            if key in (pygame.K_h, pygame.K_ESCAPE):
                return
        action = {
            pygame.K_SPACE: self._pause,
            pygame.K_RIGHT: self._single,
            pygame.K_n: self._single,
            pygame.K_UP: self._faster,
            pygame.K_PLUS: self._faster,
            pygame.K_KP_PLUS: self._faster,
            pygame.K_EQUALS: self._faster,
            pygame.K_DOWN: self._slower,
            pygame.K_MINUS: self._slower,
            pygame.K_KP_MINUS: self._slower,
            pygame.K_m: self._read,
            pygame.K_f: self._faults,
            pygame.K_d: self._day,
            pygame.K_l: lambda: self.session.ask(self.session.learn),
            pygame.K_r: lambda: self.session.ask(self.session.reset),
            pygame.K_s: self._snapshot,
            pygame.K_h: self._help,
            pygame.K_ESCAPE: self._quit,
            pygame.K_q: self._quit,
        }.get(key)
        if action is not None:
            action()

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

    def _faults(self) -> None:
        rows = tuple(
            (f"{number}  {fault.kind}", f"{fault.size:g} ({KINDS[fault.kind].size}): {fault.about}")
            for number, fault in enumerate(self._menu, 1)
        )
        self.overlay = Overlay("Break something: press a number", (*rows, ("any other key", "nothing")))

    def _help(self) -> None:
        self.overlay = Overlay("Keys", HELP)

    def _pause(self) -> None:
        self.paused = not self.paused

    def _single(self) -> None:
        self.paused = True
        self.single += 1

    def _faster(self) -> None:
        self.speed = min(FASTEST, self.speed + 1)

    def _slower(self) -> None:
        self.speed = max(SLOWEST, self.speed - 1)

    def _read(self) -> None:
        def change() -> None:
            probe = self.session.probe
            probe.read = READS[(READS.index(probe.read) + 1) % len(READS)]
            self.session.message = f"step {self.session.steps}: {probe.read.value} reads of the hardware from now on"

        self.session.ask(change)

    def _day(self) -> None:
        fault = fault_menu.day(self.session.policy.model)
        if fault is None:
            self.session.message = "nothing of this hardware ages"
        else:
            self.session.ask(lambda: self.session.happen(fault))

    def _snapshot(self) -> None:
        self.snapshot = True

    def _quit(self) -> None:
        self.quit = True
