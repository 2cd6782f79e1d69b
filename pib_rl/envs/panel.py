"""The picture of an environment with hardware."""

from __future__ import annotations

from typing import Any

from pib_rl.agents.on_hardware import OnHardware


def framed(frame: Any, chip: OnHardware) -> Any:
    """The task's frame as it comes. A panel that shows the chip beside it belongs here.

    Args:
        frame: What the task's ``render`` gave: an array, shape (height, width, 3), a list of those, or None.
        chip: The hardware, as it was last measured.
    """
    return frame
