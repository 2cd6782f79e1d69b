"""Text, boxes and pictures on a surface of pygame; no display is needed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pygame

from pib_rl.viewer import colours
from pib_rl.viewer.colours import Colour

TEXTS = 2000  # rendered texts that are kept

Place = pygame.Rect | tuple[float, float, float, float]  # left, top, width, height in pixels


@cache
def font(size: int, bold: bool) -> pygame.font.Font:
    """DejaVu Sans as matplotlib ships it, the same on every machine; height in pixels."""
    from matplotlib import get_data_path

    pygame.font.init()
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return pygame.font.Font(str(Path(get_data_path()) / "fonts" / "ttf" / name), size)


def number(value: float, form: str) -> str:
    """A number as `format` writes it, zero without a minus."""
    text = format(value, form)
    return text if float(text) else format(0.0, form)


class Canvas:
    """A picture to draw on, ``size`` in pixels, ``scale`` in pixels per unit of length."""

    def __init__(self, size: tuple[int, int], scale: float = 1.0, ground: Colour = colours.PAPER) -> None:
        self.surface = pygame.Surface(size)
        self.surface.fill(ground)
        self.scale = scale
        self._texts: dict[tuple[str, int, bool, Colour], pygame.Surface] = {}

    def px(self, length: float) -> int:
        """A length in pixels, 1 at least."""
        return max(1, round(length * self.scale))

    def text(
        self,
        words: str,
        x: float,
        y: float,
        size: float = 14,
        colour: Colour = colours.INK,
        *,
        bold: bool = False,
        align: str = "left",
        width: float | None = None,
        least: float | None = None,
    ) -> pygame.Rect:
        """One line of text.

        Args:
            words: The text.
            x: Its left end, centre or right end, in pixels, as ``align`` says.
            y: Its top, in pixels.
            size: Height of letters, in units.
            colour: Colour.
            bold: Heavy letters.
            align: left, centre or right.
            width: Room in pixels; what is longer ends with dots, between two words where there are some.
            least: What is longer than its room is written smaller first, down to this height.

        Returns:
            Where it is.
        """
        image = self._render(words, size, colour, bold)
        usual = image.get_height()
        while width is not None and least is not None and image.get_width() > width and size > least:
            size -= 1
            image = self._render(words, size, colour, bold)
        while width is not None and image.get_width() > width and len(words) > 1:
            words = words[: max(1, int(len(words) * width / image.get_width()) - 1)]
            whole = words.rpartition(" ")[0]
            words = (whole if 2 * len(whole) > len(words) else words).rstrip(" .…,:")
            image = self._render(f"{words}…", size, colour, bold)
        place = image.get_rect(top=round(y) + (usual - image.get_height()) // 2)
        setattr(place, {"left": "left", "centre": "centerx", "right": "right"}[align], round(x))
        return self.surface.blit(image, place)

    def width(self, words: str, size: float = 14, *, bold: bool = False) -> int:
        """Pixels that one line of text takes across."""
        return self._render(words, size, colours.INK, bold).get_width()

    def _render(self, words: str, size: float, colour: Colour, bold: bool) -> pygame.Surface:
        key = words, self.px(size), bold, colour
        found = self._texts.get(key)
        if found is None:
            if len(self._texts) >= TEXTS:
                self._texts.clear()
            try:
                found = font(key[1], bold).render(words, True, colour)
            except pygame.error:  # somebody else, such as an environment that was closed, shut pygame down meanwhile
                pygame.font.init()  # a font that goes while pygame is shut keeps its file open for good
                font.cache_clear()
                found = font(key[1], bold).render(words, True, colour)
            self._texts[key] = found
        return found

    def fill(self, rect: Place, colour: Colour) -> None:
        """A full rectangle."""
        self.surface.fill(colour, rect)

    def box(self, rect: pygame.Rect) -> None:
        """An empty box with an edge."""
        self.fill(rect, colours.PAPER)
        pygame.draw.rect(self.surface, colours.FAINT, rect, self.px(1))

    def image(self, rgb: np.ndarray, place: Place, *, smooth: bool = False) -> None:
        """A picture, shape (rows, columns, 3), uint8, stretched to a rectangle."""
        rect = pygame.Rect(place)
        if rect.width < 1 or rect.height < 1:
            return
        image = pygame.surfarray.make_surface(np.swapaxes(rgb, 0, 1))
        stretch = pygame.transform.smoothscale if smooth else pygame.transform.scale
        self.surface.blit(stretch(image, rect.size), rect)

    def line(self, points: Sequence[tuple[float, float]], colour: Colour, width: float = 2) -> None:
        """A line through points, in pixels."""
        if len(points) > 1:
            pygame.draw.lines(self.surface, colour, False, points, self.px(width))

    def triangle(self, x: float, y: float, size: float, colour: Colour) -> None:
        """A full triangle, of that width and height, that points down to a place in pixels."""
        pygame.draw.polygon(self.surface, colour, [(x, y), (x - size / 2, y - size), (x + size / 2, y - size)])

    def array(self) -> np.ndarray:
        """The picture, shape (height, width, 3), uint8; a copy."""
        return np.ascontiguousarray(np.swapaxes(pygame.surfarray.array3d(self.surface), 0, 1))
