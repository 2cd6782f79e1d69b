"""Films and pictures without a display."""

from __future__ import annotations

import io
import os
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageColor

from pib_rl.cli.cli import UserError
from pib_rl.envs.tasks import canvas
from pib_rl.runs.folder import write_atomically
from pib_rl.viewer import colours

LARGEST = 1500  # frames of a gif; a longer film is cut, with a word about it
SMOOTH = 25  # frames a second; browsers slow down animations of more than some 30
COLOURS = 255
SPARSE = 10  # of so many frames a single picture looks at one, until the last


class Film(ABC):
    """Takes frames, shape (height, width, 3), uint8, and makes a file of them.

    Args:
        path: The file.
        fps: Frames a second that will come.

    Attributes:
        ends: Whether every frame that ends an episode is kept.
    """

    ends = True

    def __init__(self, path: Path, fps: float) -> None:
        self.path = path
        self.fps = fps
        self.taken = 0

    @property
    def every(self) -> int:
        """Of so many frames one is kept."""
        return max(1, round(self.fps / SMOOTH))

    def wants(self, over: bool = False, last: bool = False) -> bool:
        """Whether the next frame is kept.

        Args:
            over: It ends an episode.
            last: It ends the play.
        """
        return last or (over and self.ends) or self.taken % self.every == 0

    def take(self, frame: np.ndarray | None) -> None:
        """The next frame; None where it is not wanted."""
        if frame is not None:
            self.keep(frame)
        self.taken += 1

    @abstractmethod
    def keep(self, frame: np.ndarray) -> None:
        """Takes a frame that is wanted."""

    @abstractmethod
    def close(self) -> None:
        """Writes the file.

        Raises:
            UserError: If it cannot be written.
        """

    def abandon(self) -> None:
        """Leaves no file."""
        self.taken = 0

    def write(self, content: bytes) -> None:
        """Writes the file at once.

        Raises:
            UserError: If it cannot be written.
        """
        try:
            write_atomically(self.path, content)
        except OSError as error:
            raise UserError(f"cannot write {self.path}: {error.strerror or error}") from None


class Gif(Film):
    """An animation in one palette: colours of the first frame and those of panels.

    Args:
        path: The file.
        fps: Frames a second that will come.
        width: Wider frames are made smaller; None keeps them.
    """

    def __init__(self, path: Path, fps: float, width: int | None = None) -> None:
        super().__init__(path, fps)
        self.width = width
        self._pictures: list[Image.Image] = []
        self._palette: Image.Image | None = None

    def wants(self, over: bool = False, last: bool = False) -> bool:
        return super().wants(over, last) and self.taken < LARGEST

    def keep(self, frame: np.ndarray) -> None:
        picture = Image.fromarray(frame)
        if self.width is not None:
            picture = shrunk(picture, self.width)
        if self._palette is None:
            self._palette = palette(picture)
        self._pictures.append(picture.quantize(palette=self._palette, dither=Image.Dither.NONE))

    def close(self) -> None:
        if self.taken > LARGEST:
            print(f"the film is cut after {LARGEST} of {self.taken} frames; play fewer --episodes or --steps")
        buffer = io.BytesIO()
        self._pictures[0].save(
            buffer,
            "GIF",
            save_all=True,
            append_images=self._pictures[1:],
            loop=0,
            duration=round(1000 * self.every / self.fps),
            optimize=True,
        )
        self.write(buffer.getvalue())


class Mp4(Film):
    """A film in H.264, by ffmpeg as imageio-ffmpeg brings it.

    Raises:
        UserError: If imageio-ffmpeg is missing.
    """

    def __init__(self, path: Path, fps: float) -> None:
        super().__init__(path, fps)
        try:
            from imageio_ffmpeg import count_frames_and_secs, write_frames
        except ImportError:
            raise UserError(
                "--render mp4 needs imageio-ffmpeg: pip install 'pib-rl[video]'; or use --render gif"
            ) from None
        self._write_frames, self._measure = write_frames, count_frames_and_secs
        self._writer: Generator[None, Any, None] | None = None
        self._part: Path | None = None

    def keep(self, frame: np.ndarray) -> None:
        high, wide = frame.shape[0] // 2 * 2, frame.shape[1] // 2 * 2  # H.264 halves its colours both ways
        if self._writer is None:
            try:
                handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.", suffix=".mp4")
            except OSError as error:
                raise UserError(f"cannot write {self.path}: {error.strerror or error}") from None
            os.close(handle)
            self._part = Path(name)
            try:
                self._writer = self._write_frames(
                    name,
                    (wide, high),
                    fps=self.fps / self.every,
                    macro_block_size=2,
                    ffmpeg_log_level="error",
                    quality=7,
                )
                self._writer.send(None)
            except (OSError, RuntimeError, LookupError) as error:  # whatever imageio-ffmpeg makes of a broken one
                raise UserError(
                    f"ffmpeg does not run ({error}): leave IMAGEIO_FFMPEG_EXE unset and pip install "
                    "'pib-rl[video]'; or use --render gif"
                ) from None
        try:
            self._writer.send(np.ascontiguousarray(frame[:high, :wide]))
        except OSError as error:
            raise UserError(f"ffmpeg cannot write {self.path}: {str(error).strip().splitlines()[-1]}") from None

    def close(self) -> None:
        assert self._writer is not None
        assert self._part is not None
        self._writer.close()
        if not self._whole():
            raise UserError(f"ffmpeg cannot write {self.path}: the film is not whole; is the disk full?")
        try:
            os.chmod(self._part, 0o644)
            os.replace(self._part, self.path)
        except OSError as error:
            raise UserError(f"cannot write {self.path}: {error.strerror or error}") from None

    def _whole(self) -> bool:
        """Whether the file can be played; imageio-ffmpeg does not tell how its ffmpeg ended."""
        try:
            return bool(self._measure(str(self._part))[0] > 0)
        except RuntimeError:
            return False

    def abandon(self) -> None:
        if self._writer is not None:
            self._writer.close()
        if self._part is not None:
            self._part.unlink(missing_ok=True)


class Png(Film):
    """The last frame; of others so many are looked at as it takes to know the range of colours."""

    ends = False
    last: np.ndarray

    @property
    def every(self) -> int:
        return SPARSE

    def keep(self, frame: np.ndarray) -> None:
        self.last = frame

    def close(self) -> None:
        self.write(as_png(Image.fromarray(self.last)))


class Moments(Film):
    """Eight moments side by side."""

    def __init__(self, path: Path, fps: float) -> None:
        super().__init__(path, fps)
        self._frames: list[np.ndarray] = []

    @property
    def every(self) -> int:
        return 1

    def keep(self, frame: np.ndarray) -> None:
        self._frames.append(frame)

    def close(self) -> None:
        moments = [
            np.pad(self._frames[index], ((2, 2), (2, 2), (0, 0)), constant_values=160)
            for index in np.linspace(0, len(self._frames) - 1, 8).astype(int)
        ]
        rows = [np.concatenate(moments[:4], 1), np.concatenate(moments[4:], 1)]
        self.write(as_png(shrunk(Image.fromarray(np.concatenate(rows)), 1600)))


def make_film(kind: str, path: Path, fps: float, composed: bool) -> Film:
    """The film of a kind: gif, mp4 or png.

    Args:
        kind: Its kind.
        path: The file.
        fps: Frames a second.
        composed: Frames show the hardware, too.

    Raises:
        UserError: If what it needs is missing.
    """
    if kind == "gif":
        return Gif(path, fps, None if composed else 400)
    if kind == "mp4":
        return Mp4(path, fps)
    return Png(path, fps) if composed else Moments(path, fps)


def palette(picture: Image.Image) -> Image.Image:
    """A picture with the palette of a film: colours of ``picture``, of ramps, and the very hues of panels and tasks."""
    hues = [
        *colours.HUES,
        colours.INK,
        colours.MUTED,
        colours.EDGE,
        colours.PAPER,
        colours.CARD,
        *(ImageColor.getrgb(hue)[:3] for hue in (canvas.BLUE, canvas.ORANGE, canvas.GREEN, canvas.RED)),
    ]
    ramps = np.concatenate([colours.ramp(True), colours.ramp(False)])
    strip = np.repeat(np.resize(ramps, (-(-len(ramps) // picture.width), picture.width, 3)), 12, 0)
    both = np.concatenate([np.asarray(picture.convert("RGB")), strip])
    few = Image.fromarray(both).quantize(COLOURS - len(hues), method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    found = Image.new("P", (1, 1))
    found.putpalette([*(few.getpalette() or [])[: 3 * (COLOURS - len(hues))], *(part for hue in hues for part in hue)])
    return found


def as_png(picture: Image.Image) -> bytes:
    """The picture as a file."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def shrunk(picture: Image.Image, width: int) -> Image.Image:
    """The picture at most ``width`` pixels wide."""
    if picture.width <= width:
        return picture
    return picture.resize((width, round(picture.height * width / picture.width)))
