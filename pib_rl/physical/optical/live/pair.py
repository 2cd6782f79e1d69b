"""Modulator and camera of a real bench, and one kind of error for all that they do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pib_rl.physical.optical.live.parts import ImageSource, PhaseScreen
from pib_rl.physical.remote.instrument import InstrumentError, brief

OPENED: dict[str, tuple[PhaseScreen, ImageSource]] = {}  # by name of the substrate, shared by all networks


class Pair:
    """Modulator and camera of a substrate, opened when they are first needed. A network that is copied shares them.

    Args:
        name: Of the substrate.
        opener: Opens the two.
    """

    def __init__(self, name: str, opener: Callable[[], tuple[PhaseScreen, ImageSource]]) -> None:
        self.name, self._opener = name, opener

    def __deepcopy__(self, memo: dict[int, Any]) -> Pair:
        return self

    @property
    def screen(self) -> PhaseScreen:
        """The modulator."""
        return self._open()[0]

    def picture(self, phase: np.ndarray, retries: int) -> np.ndarray:
        """The picture that the camera takes of such phases.

        Args:
            phase: Radians, of the modulator's shape.
            retries: How often to try again.

        Returns:
            Readings, shape (rows, columns), float64.

        Raises:
            InstrumentError: If modulator or camera fail every time, or the picture is none.
        """
        screen, camera = self._open()
        for left in range(retries, -1, -1):
            try:
                screen.set_phase(phase, settle=True)
                found = np.asarray(camera.get_image())
                break
            except Exception as error:  # each driver has errors of its own
                if not left:
                    raise InstrumentError(
                        f"the bench {self.name} took no picture: {type(error).__name__}: {brief(error)} "
                        f"({retries + 1} tries); check that both are on and nothing else holds them"
                    ) from error
        if found.ndim != 2 or not found.size or found.dtype.kind not in "fiu" or not np.isfinite(found).all():
            raise InstrumentError(
                f"the camera of {self.name} must give finite numbers, shape (rows, columns), got {found.dtype}, shape "
                f"{found.shape}; take one colour, and no average with missing pixels"
            )
        return found.astype(np.float64)

    def _open(self) -> tuple[PhaseScreen, ImageSource]:
        if self.name not in OPENED:
            try:
                screen, camera = self._opener()
            except Exception as error:
                raise InstrumentError(
                    f"the bench {self.name} can't be opened: {type(error).__name__}: {brief(error)}"
                ) from error
            if not (hasattr(screen, "set_phase") and hasattr(screen, "shape") and hasattr(camera, "get_image")):
                raise InstrumentError(
                    f"open of {self.name} must return a modulator with shape, set_phase and a camera with get_image, "
                    f"got {type(screen).__name__} and {type(camera).__name__}"
                )
            OPENED[self.name] = screen, camera
        return OPENED[self.name]
