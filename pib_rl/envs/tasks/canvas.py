"""Drawing for environments: one picture with smooth lines, without a display."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

SMOOTH = 2  # pixels of the drawing per pixel of the picture, in each direction
INK, FAINT, PAPER = "#263238", "#cfd8dc", "#ffffff"
BLUE, ORANGE, GREEN, RED = "#1565c0", "#ef6c00", "#2e7d32", "#c62828"

Point = tuple[float, float]


class Canvas:
    """A white picture; positions are pixels from its upper left corner.

    Args:
        width: Pixels in a row.
        height: Rows.
    """

    def __init__(self, width: int, height: int) -> None:
        self.size = width, height
        self._image = Image.new("RGB", (width * SMOOTH, height * SMOOTH), PAPER)
        self._draw = ImageDraw.Draw(self._image)

    @staticmethod
    def _scaled(points: Sequence[Point]) -> list[Point]:
        return [(x * SMOOTH, y * SMOOTH) for x, y in points]

    def line(self, points: Sequence[Point], colour: str = INK, width: float = 1.0) -> None:
        """A line through points; nothing for fewer than two."""
        if len(points) > 1:
            self._draw.line(self._scaled(points), fill=colour, width=max(1, round(width * SMOOTH)), joint="curve")

    def box(self, corner: Point, size: Point, colour: str, edge: str | None = None) -> None:
        """A filled rectangle; nothing if it has no area."""
        if min(size) > 0:
            far = corner[0] + size[0], corner[1] + size[1]
            self._draw.rectangle(self._scaled([corner, far]), fill=colour, outline=edge, width=SMOOTH)

    def dot(self, centre: Point, radius: float, colour: str) -> None:
        """A filled circle."""
        (x, y), r = centre, radius
        self._draw.ellipse(self._scaled([(x - r, y - r), (x + r, y + r)]), fill=colour)

    def triangle(self, tip: Point, size: float, colour: str) -> None:
        """A filled triangle that points down to ``tip``."""
        x, y = tip
        self._draw.polygon(self._scaled([tip, (x - size / 2, y - size), (x + size / 2, y - size)]), fill=colour)

    def text(self, at: Point, text: str, size: float = 12, colour: str = INK, anchor: str = "lm") -> None:
        """One line of text; ``anchor`` is Pillow's, such as "lm" for left and middle."""
        font = ImageFont.load_default(size * SMOOTH)
        self._draw.text(self._scaled([at])[0], text, fill=colour, font=font, anchor=anchor)

    def array(self) -> np.ndarray:
        """The picture, shape (height, width, 3), uint8."""
        return np.array(self._image.resize(self.size, Image.Resampling.LANCZOS))
