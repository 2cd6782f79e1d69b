"""Paints a scene and the frame of a task on one picture. What did not change is not painted again."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any

import numpy as np
import pygame

from pib_rl.viewer import colours
from pib_rl.viewer.canvas import Canvas, number
from pib_rl.viewer.costs import draw_costs, draw_energy
from pib_rl.viewer.decision import draw_decision, draw_history
from pib_rl.viewer.dependencies import check_pygame
from pib_rl.viewer.layout import Layout
from pib_rl.viewer.scene import Heatmap, Overlay, Scene, UnitView
from pib_rl.viewer.units import columns, draw_drive, draw_heatmap, draw_notes, draw_title, visible

SIZE = (1280, 720)


class Painter:
    """A picture that is kept from scene to scene.

    Args:
        size: Width and height in pixels, 480 x 270 to 7680 x 4320.
        task: Leave room for the frame of a task.

    Attributes:
        surface: The picture, a surface of pygame.

    Raises:
        ValueError: If the size is out of range.
        DependencyNotInstalled: If pygame is missing or doubled.
    """

    def __init__(self, size: tuple[int, int] = SIZE, task: bool = True) -> None:
        check_pygame()
        self.layout = Layout(size, task)
        self._canvas = Canvas(size, self.layout.scale)
        self.surface = self._canvas.surface
        self._drawn: dict[str, Hashable] = {}
        self._changed: list[pygame.Rect] = []
        self._overlay: Overlay | None = None
        self._clear()

    def __reduce__(self) -> tuple[type[Painter], tuple[tuple[int, int], bool]]:
        """A copy begins with an empty picture: surfaces can be neither copied nor pickled."""
        return Painter, (self.layout.size, self.layout.task)

    def _clear(self) -> None:
        self.surface.fill(colours.GROUND)
        self._canvas.box(self.layout.hardware)
        self._drawn.clear()
        self._changed = [self.surface.get_rect()]

    def paint(self, scene: Scene, frame: np.ndarray | None = None) -> list[pygame.Rect]:
        """Paints what changed and returns where; ``frame`` is that of the task, shape (height, width, 3), uint8."""
        status, places, refresh = scene.status, self.layout, self._refresh
        if status.overlay != self._overlay:
            self._clear()
            self._overlay = status.overlay
        if frame is not None and places.task:
            refresh("frame", places.frame, draw_frame, frame)
        counts = f"episode {status.episode}   step {status.step:,}   return {number(status.reward, '.4g')}"
        refresh("header", places.header, draw_header, status.title, counts, status.tags)
        refresh("decision", places.decision, draw_decision, scene.decision)
        episodes = (*status.returns, status.reward)
        refresh("history", places.history, draw_history, episodes, status.marks, status.learning)
        self._refresh_units(scene.units)
        refresh("energy", places.energy, draw_energy, scene.energy)
        refresh("costs", places.costs, draw_costs, scene.costs, status.age_s, status.faults)
        refresh("footer", places.footer, draw_footer, status.message)
        if status.overlay is not None and self._changed:
            self._changed.append(draw_overlay(self._canvas, self.surface.get_rect(), status.overlay))
        changed, self._changed = self._changed, []
        return changed

    def array(self) -> np.ndarray:
        """The picture, shape (height, width, 3), uint8; a copy."""
        return self._canvas.array()

    def _refresh(self, name: str, rect: pygame.Rect, draw: Callable[..., None], *content: Any) -> None:
        """Draws a part of the picture, if its content is not what was drawn there last."""
        key = tuple(map(_key, content))
        if self._drawn.get(name) != key:
            self._drawn[name] = key
            draw(self._canvas, rect, *content)
            self._changed.append(rect)

    def _refresh_units(self, units: tuple[UnitView, ...]) -> None:
        seen, refresh = visible(units), self._refresh
        images = any(len(unit.drive.values) > 1 for unit in seen)
        for index, (unit, column) in enumerate(
            zip(seen, columns(self.layout.hardware, len(seen), self._canvas, images), strict=True)
        ):
            hidden = len(units) - len(seen) if index == len(seen) - 1 else 0
            refresh(f"title {index}", column.title, draw_title, unit.name, unit.alive, hidden)
            refresh(f"drive {index}", column.drive, draw_drive, unit.drive, index == 0)
            refresh(f"medium {index}", column.medium, draw_heatmap, unit.medium, True)
            refresh(f"array {index}", column.array, draw_heatmap, unit.array, False)
            refresh(f"notes {index}", column.notes, draw_notes, unit.notes)


def _key(content: Any) -> Any:
    """Content as something that can be compared."""
    if isinstance(content, Heatmap):
        return content.title, content.limit, content.signed, content.unit, _key(content.values)
    if isinstance(content, np.ndarray):
        return content.shape, content.tobytes()
    return tuple(content.items()) if isinstance(content, Mapping) else content


def draw_frame(canvas: Canvas, rect: pygame.Rect, frame: np.ndarray) -> None:
    """The picture of the task, as large as its box allows."""
    canvas.box(rect)
    inside = rect.inflate(-canvas.px(8), -canvas.px(8))
    height, width = frame.shape[:2]
    factor = min(inside.width / width, inside.height / height)
    place = pygame.Rect(0, 0, round(factor * width), round(factor * height))
    place.center = inside.center
    canvas.image(frame, place, smooth=True)


def draw_header(canvas: Canvas, rect: pygame.Rect, title: str, counts: str, tags: tuple[str, ...]) -> None:
    """Title, where the play is, and tags."""
    px = canvas.px
    canvas.fill(rect, colours.GROUND)
    canvas.text(title, rect.left + px(4), rect.top + px(10), 22, bold=True, width=rect.width * 0.42, least=12)
    middle = rect.left + round(rect.width * 0.44)
    canvas.text(counts, middle, rect.top + px(12), 18, width=rect.width * 0.34, least=12)
    x = float(rect.right)
    for tag in reversed(tags):
        width = px(16) + len(tag) * px(8.2)
        box = pygame.Rect(round(x - width), rect.top + px(9), width, px(28))
        pygame.draw.rect(canvas.surface, colours.INK, box, border_radius=px(5))
        canvas.text(tag, box.centerx, box.top + px(5), 13, colours.PAPER, align="centre")
        x = box.left - px(6)


def draw_footer(canvas: Canvas, rect: pygame.Rect, message: str) -> None:
    """What happened last."""
    canvas.fill(rect, colours.GROUND)
    canvas.text(message, rect.left + canvas.px(4), rect.top + canvas.px(3), 15, width=rect.width - canvas.px(8))


def draw_overlay(canvas: Canvas, room: pygame.Rect, overlay: Overlay) -> pygame.Rect:
    """The table in front of everything; returns its place."""
    px = canvas.px
    row = px(28)
    box = pygame.Rect(0, 0, min(room.width, px(940)), min(room.height, px(70) + row * len(overlay.rows)))
    box.center = room.center
    pygame.draw.rect(canvas.surface, colours.PAPER, box, border_radius=px(8))
    pygame.draw.rect(canvas.surface, colours.INK, box, px(2), border_radius=px(8))
    canvas.text(overlay.title, box.left + px(24), box.top + px(16), 20, bold=True, width=box.width - px(48))
    for index, (key, action) in enumerate(overlay.rows):
        y = box.top + px(52) + index * row
        canvas.text(key, box.left + px(24), y, 16, colours.BLUE, bold=True)
        canvas.text(action, box.left + px(200), y, 16, width=box.width - px(224))
    return box


def draw_scene(scene: Scene, frame: np.ndarray | None = None, size: tuple[int, int] = SIZE) -> np.ndarray:
    """The picture of one scene, shape (height, width, 3), uint8, as ``render`` gives it in the mode rgb_array.

    Arguments and errors are those of `Painter`; without a frame the hardware has more room. For many scenes keep a
    `Painter`, which paints what changed only.
    """
    painter = Painter(size, task=frame is not None)
    painter.paint(scene, frame)
    return painter.array()
