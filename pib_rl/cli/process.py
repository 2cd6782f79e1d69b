"""How a process uses its machine: one thread, memory, a device and a display that are there."""

from __future__ import annotations

import ctypes
import os
import platform
import re

from pib_rl.cli.cli import UserError, mistakes
from pib_rl.viewer.dependencies import check_pygame

M_MMAP_THRESHOLD, LARGE_BLOCK = -3, 4 * 2**20  # of malloc.h; bytes
UNSEEN = ("offscreen", "dummy", "evdev")  # what SDL falls back to where no display answers


def check_device(name: str) -> None:
    """Raises ValueError unless torch has a device of that name here: cpu, cuda or cuda:N."""
    if not re.fullmatch(r"cpu|cuda(:\d+)?", name):
        raise ValueError(f"--device must be cpu, cuda or cuda:N, got {name!r}")
    if not name.startswith("cuda"):
        return
    import torch  # late: it takes a second

    if not torch.cuda.is_available():
        raise ValueError(f"--device {name}: torch {torch.__version__} finds no CUDA device; use --device cpu")


def has_display() -> bool:
    """Whether the environment names a display; macOS and Windows always have one."""
    if os.name != "posix" or "darwin" in os.uname().sysname.lower():
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def check_display(instead: str) -> None:
    """Raises UserError where no window can open. The connection to the display stays: a display may end with its last.

    Args:
        instead: What people without a display should do.
    """
    if not has_display() and not os.environ.get("SDL_VIDEODRIVER"):
        raise UserError(f"--render human needs a display and there is none; {instead}")
    with mistakes():
        check_pygame()
    import pygame

    try:
        pygame.display.init()
        driver = pygame.display.get_driver()
    except pygame.error as error:
        raise UserError(f"cannot open a window: {error}; {instead}") from None
    if driver in UNSEEN and not os.environ.get("SDL_VIDEODRIVER"):
        raise UserError(
            "--render human needs a display and none answers (DISPLAY or WAYLAND_DISPLAY names one that is "
            f"not there); {instead}"
        )


def settle_in() -> None:
    """Sets the process up for units, which are small: with more than one torch thread they take longer."""
    import torch  # late: it takes a second

    torch.set_num_threads(1)
    give_memory_back()


def give_memory_back() -> None:
    """Lets blocks of 4 MiB and more go back to the system as soon as they are free.

    Left to itself, glibc takes larger and larger blocks from a heap that long trainings break into pieces: a wafer of
    four chips on LunarLander held 1.6 GB after 1.1 million steps, and holds 0.3 GB so. Other libraries are left alone.

    Source: mallopt(3), M_MMAP_THRESHOLD; setting it ends its dynamic adjustment.
    """
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK)
