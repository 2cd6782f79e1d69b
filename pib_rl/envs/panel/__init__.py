"""Task and hardware side by side, as a picture: a `Probe` collects a `Scene` from a policy, `draw` paints it."""

from pib_rl.envs.panel.painter import SIZE, Painter, draw
from pib_rl.envs.panel.probe import Probe
from pib_rl.envs.panel.scene import Decision, Learning, Overlay, Picture, Scene, Stage, Status

__all__ = ["SIZE", "Decision", "Learning", "Overlay", "Painter", "Picture", "Probe", "Scene", "Stage", "Status",
           "draw"]
