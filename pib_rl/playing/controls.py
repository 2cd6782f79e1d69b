"""Keys of the window, and what they do."""

from __future__ import annotations

from functools import partial

import pygame

from pib_rl.physical.faults import KINDS
from pib_rl.physical.substrate import Read
from pib_rl.playing.fault_menu import day_passes, fault_menu
from pib_rl.playing.keys import Actions, Keys
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


class Controls(Keys):
    """What keys have set, and what they ask of the session.

    Attributes:
        speed: Power of 2 that the speed of the task is multiplied with.
        single: Steps to make while paused.
        snapshot: Whether to save a picture.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(HELP)
        self.session, self.snapshot = session, False
        self.speed = self.single = 0
        self.actions |= {
            **dict.fromkeys((pygame.K_RIGHT, pygame.K_n), self._step),
            **dict.fromkeys(FASTER, partial(self._change_speed, 1)),
            **dict.fromkeys(SLOWER, partial(self._change_speed, -1)),
            pygame.K_m: partial(session.ask, self._next_read),
            pygame.K_f: self._open_faults,
            pygame.K_d: self._pass_day,
            pygame.K_l: partial(session.ask, session.learn),
            pygame.K_r: partial(session.ask, session.reset),
            pygame.K_s: self._save,
        }

    @property
    def tags(self) -> tuple[str, ...]:
        """What people should know of them."""
        speed = f"speed x{2**self.speed}" if self.speed > 0 else f"speed 1/{2**-self.speed}"
        return (speed,) * bool(self.speed) + ("paused",) * self.paused

    def _step(self) -> None:
        self.paused, self.single = True, self.single + 1

    def _change_speed(self, by: int) -> None:
        self.speed = min(FASTEST, max(SLOWEST, self.speed + by))

    def _save(self) -> None:
        self.snapshot = True

    def _open_faults(self) -> None:
        """The menu of faults: a number chooses, anything else closes it."""
        rows, actions = [], Actions()
        for number, fault in enumerate(fault_menu(self.session.policy.model), 1):
            rows.append((f"{number}  {fault.kind}", f"{fault.size:g} ({KINDS[fault.kind].size}): {fault.about}"))
            ask = partial(self.session.ask, partial(self.session.happen, fault))
            actions |= dict.fromkeys((pygame.K_0 + number, pygame.K_KP_1 - 1 + number), ask)
        self.show(Overlay("Break something: press a number", (*rows, ("any other key", "nothing"))), actions)

    def _next_read(self) -> None:
        probe = self.session.probe
        probe.read = READS[(READS.index(probe.read) + 1) % len(READS)]
        self.session.message = f"step {self.session.steps}: {probe.read.value} reads of the hardware from now on"

    def _pass_day(self) -> None:
        fault = day_passes(self.session.policy.model)
        if fault is None:
            self.session.message = "nothing of this hardware ages"
        else:
            self.session.ask(partial(self.session.happen, fault))
