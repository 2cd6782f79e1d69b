"""Paints a scene and the frame of a task on one picture. What did not change is not painted again."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import partial

import numpy as np
import pygame

from pib_rl.viewer import colours
from pib_rl.viewer.costs import paint_costs, paint_energy
from pib_rl.viewer.decision import paint_decision, paint_history
from pib_rl.viewer.dependencies import check_pygame
from pib_rl.viewer.draw import Pen, number
from pib_rl.viewer.layout import Layout
from pib_rl.viewer.scene import Overlay, Picture, Scene, Stage, Status
from pib_rl.viewer.units import Column, columns, paint_drive, paint_notes, paint_picture, paint_title, shown

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
        self.surface = pygame.Surface(size)
        self._pen = Pen(self.surface, self.layout.scale)
        self._keys: dict[str, Hashable] = {}
        self._changed: list[pygame.Rect] = []
        self._overlay: Overlay | None = None
        self._clear()

    def _clear(self) -> None:
        self.surface.fill(colours.PAPER)
        self._pen.card(self.layout.hardware)
        self._keys.clear()
        self._changed = [self.surface.get_rect()]

    def paint(self, scene: Scene, frame: np.ndarray | None = None) -> list[pygame.Rect]:
        """Brings the picture up to date.

        Args:
            scene: What is to be seen.
            frame: Picture of the task, shape (height, width, 3), uint8; None where there is none.

        Returns:
            What changed.
        """
        status, layout, pen = scene.status, self.layout, self._pen
        if status.overlay != self._overlay:
            self._clear()
            self._overlay = status.overlay
        if frame is not None and layout.task:
            self._refresh("frame", layout.frame, (frame.shape, frame.tobytes()), lambda: self._task(frame))
        self._header(status)
        self._refresh(
            "decision", layout.decision, scene.decision, lambda: paint_decision(pen, layout.decision, scene.decision)
        )
        told = (status.returns, status.reward, status.marks, status.learning)
        self._refresh("history", layout.history, told, lambda: paint_history(pen, layout.history, status))
        self._stages(scene.stages)
        self._refresh(
            "energy", layout.energy, tuple(scene.energy.items()), lambda: paint_energy(pen, layout.energy, scene.energy)
        )
        self._refresh(
            "costs",
            layout.costs,
            (scene.costs, status.age_s, status.faults),
            lambda: paint_costs(pen, layout.costs, scene.costs, status),
        )
        self._refresh("footer", layout.footer, status.message, lambda: self._footer(status.message))
        if status.overlay is not None and self._changed:
            self._changed.append(_paint_overlay(pen, self.surface.get_rect(), status.overlay))
        changed, self._changed = self._changed, []
        return changed

    def array(self) -> np.ndarray:
        """The picture, shape (height, width, 3), uint8; a copy."""
        return np.ascontiguousarray(np.swapaxes(pygame.surfarray.array3d(self.surface), 0, 1))

    def _refresh(self, name: str, rect: pygame.Rect, key: Hashable, paint: Callable[[], None]) -> None:
        if name in self._keys and self._keys[name] == key:
            return
        self._keys[name] = key
        paint()
        self._changed.append(rect)

    def _task(self, frame: np.ndarray) -> None:
        rect = self.layout.frame
        self._pen.card(rect)
        inside = rect.inflate(-self._pen.px(8), -self._pen.px(8))
        high, wide = frame.shape[:2]
        share = min(inside.width / wide, inside.height / high)
        place = pygame.Rect(0, 0, round(share * wide), round(share * high))
        place.center = inside.center
        self._pen.picture(frame, place, smooth=True)

    def _header(self, status: Status) -> None:
        rect, pen = self.layout.header, self._pen
        key = (status.title, status.step, status.episode, status.reward, status.tags)

        def paint() -> None:
            pen.fill(rect, colours.PAPER)
            pen.text(
                status.title,
                rect.left + pen.px(4),
                rect.top + pen.px(10),
                22,
                bold=True,
                width=rect.width * 0.42,
                least=12,
            )
            middle = rect.left + round(rect.width * 0.44)
            said = f"episode {status.episode}   step {status.step:,}   return {number(status.reward, '.4g')}"
            pen.text(said, middle, rect.top + pen.px(12), 18, width=rect.width * 0.34, least=12)
            x = float(rect.right)
            for tag in reversed(status.tags):
                wide = pen.px(16) + len(tag) * pen.px(8.2)
                box = pygame.Rect(round(x - wide), rect.top + pen.px(9), wide, pen.px(28))
                pygame.draw.rect(self.surface, colours.INK, box, border_radius=pen.px(5))
                pen.text(tag, box.centerx, box.top + pen.px(5), 13, colours.CARD, align="centre")
                x = box.left - pen.px(6)

        self._refresh("header", rect, key, paint)

    def _footer(self, message: str) -> None:
        rect, pen = self.layout.footer, self._pen
        pen.fill(rect, colours.PAPER)
        pen.text(message, rect.left + pen.px(4), rect.top + pen.px(3), 15, width=rect.width - pen.px(8))

    def _stages(self, stages: tuple[Stage, ...]) -> None:
        seen = shown(stages)
        for index, (stage, column) in enumerate(
            zip(seen, columns(self.layout.hardware, len(seen), self._pen), strict=True)
        ):
            self._stage(index, stage, column, len(stages) - len(seen) if index == len(seen) - 1 else 0)

    def _stage(self, index: int, stage: Stage, column: Column, hidden: int) -> None:
        pen = self._pen
        self._refresh(
            f"title {index}",
            column.title,
            (stage.name, stage.alive, hidden),
            lambda: paint_title(pen, column.title, stage, hidden),
        )
        self._refresh(
            f"drive {index}",
            column.drive,
            _key(stage.drive),
            lambda: paint_drive(pen, column.drive, stage.drive, first=index == 0),
        )
        for name, rect, picture in (("medium", column.medium, stage.medium), ("array", column.array, stage.array)):
            self._refresh(
                f"{name} {index}",
                rect,
                _key(picture),
                partial(paint_picture, pen, rect, picture, even=name == "medium"),
            )
        self._refresh(f"notes {index}", column.notes, stage.notes, lambda: paint_notes(pen, column.notes, stage.notes))


def _key(picture: Picture) -> Hashable:
    return picture.title, picture.limit, picture.signed, picture.unit, picture.values.shape, picture.values.tobytes()


def _paint_overlay(pen: Pen, room: pygame.Rect, overlay: Overlay) -> pygame.Rect:
    """The table in front of everything; returns its place."""
    row = pen.px(28)
    box = pygame.Rect(0, 0, min(room.width, pen.px(940)), min(room.height, pen.px(70) + row * len(overlay.rows)))
    box.center = room.center
    pygame.draw.rect(pen.surface, colours.CARD, box, border_radius=pen.px(8))
    pygame.draw.rect(pen.surface, colours.INK, box, pen.px(2), border_radius=pen.px(8))
    pen.text(overlay.title, box.left + pen.px(24), box.top + pen.px(16), 20, bold=True, width=box.width - pen.px(48))
    for index, (key, does) in enumerate(overlay.rows):
        y = box.top + pen.px(52) + index * row
        pen.text(key, box.left + pen.px(24), y, 16, colours.BLUE, bold=True)
        pen.text(does, box.left + pen.px(200), y, 16, width=box.width - pen.px(224))
    return box


def draw(scene: Scene, frame: np.ndarray | None = None, size: tuple[int, int] = SIZE) -> np.ndarray:
    """The picture of one scene; for many of them keep a `Painter`, which paints what changed only.

    Args:
        scene: What is to be seen, from `pib_rl.viewer.Probe.scene`.
        frame: Picture of the task, shape (height, width, 3), uint8; None leaves more room for the hardware.
        size: Width and height in pixels, 480 x 270 to 7680 x 4320.

    Returns:
        Shape (height, width, 3), uint8: what an environment returns from ``render`` in the mode rgb_array.

    Raises:
        ValueError: If the size is out of range.
        DependencyNotInstalled: If pygame is missing or doubled.
    """
    painter = Painter(size, task=frame is not None)
    painter.paint(scene, frame)
    return painter.array()
