"""Task and hardware side by side, as a picture: a `Probe` collects a `Scene` from a policy, `draw_scene` paints it.

Collecting needs no pygame; `Canvas`, `Painter` and `draw_scene` load it at their first use, and `Probe` loads torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pib_rl.viewer.dependencies import check_pygame
from pib_rl.viewer.scene import Decision, Episodes, Heatmap, Learning, Overlay, Scene, Status, UnitView

if TYPE_CHECKING:
    from pib_rl.viewer.canvas import Canvas
    from pib_rl.viewer.painter import SIZE, Painter, draw_scene
    from pib_rl.viewer.probe import Probe

__all__ = [
    "SIZE",
    "Canvas",
    "Decision",
    "Episodes",
    "Heatmap",
    "Learning",
    "Overlay",
    "Painter",
    "Probe",
    "Scene",
    "Status",
    "UnitView",
    "draw_scene",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "Probe":
        from pib_rl.viewer.probe import Probe

        return Probe
    check_pygame()
    from pib_rl.viewer import painter

    return getattr(painter, name)
