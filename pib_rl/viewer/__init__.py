"""Task and hardware side by side, as a picture: a `Probe` collects a `Scene` from a policy, `draw` paints it.

Collecting needs no pygame; `Painter` and `draw` load it at their first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pib_rl.viewer.dependencies import check_pygame
from pib_rl.viewer.probe import Probe
from pib_rl.viewer.scene import Decision, Learning, Overlay, Picture, Scene, Stage, Status

if TYPE_CHECKING:
    from pib_rl.viewer.painter import SIZE, Painter, draw

__all__ = ["SIZE", "Decision", "Learning", "Overlay", "Painter", "Picture", "Probe", "Scene", "Stage", "Status", "draw"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    check_pygame()
    from pib_rl.viewer import painter

    return getattr(painter, name)
