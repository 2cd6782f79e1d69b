"""A painter for environments: made when first needed, left behind when its owner is copied or pickled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pib_rl.viewer.scene import Scene

if TYPE_CHECKING:
    from pib_rl.viewer.painter import Painter


class Screen:
    """Paints scenes beside frames of a task."""

    def __init__(self) -> None:
        self._painter: Painter | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {"_painter": None}

    def show(self, scene: Scene, frame: np.ndarray) -> np.ndarray:
        """The picture, shape (720, 1280, 3), uint8.

        Args:
            scene: What is to be seen of the hardware.
            frame: Heatmap of the task, shape (height, width, 3), uint8.

        Raises:
            DependencyNotInstalled: If pygame is missing or doubled.
        """
        if self._painter is None:
            from pib_rl.viewer import Painter

            self._painter = Painter()
        self._painter.paint(scene, frame)
        return self._painter.array()
