"""Films and pictures without a display."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pib_rl.cli.cli import UserError
from pib_rl.common.atomic import write_atomically
from pib_rl.viewer import colours

LARGEST = 1500  # frames of a gif; a longer film is cut, with a word about it
SMOOTH = 25  # frames a second; browsers slow down animations of more than some 30
SPARSE = 10  # of so many frames a single picture takes one, until the last
MOMENTS = 8  # in a picture of an episode


class Film(ABC):
    """Takes frames, shape (height, width, 3), uint8, of which ``fps`` come a second, and makes a file of them.

    Attributes:
        every: Of so many frames one is kept.
        seen: Frames so far.
    """

    def __init__(self, path: Path, fps: float) -> None:
        self.path, self.fps, self.seen = path, fps, 0
        self.every = max(1, round(fps / SMOOTH))

    def wants(self, over: bool = False, last: bool = False) -> bool:
        """Whether the next frame is kept; it may end an episode (``over``), or the play (``last``)."""
        self.seen += 1
        return last or over or (self.seen - 1) % self.every == 0

    @abstractmethod
    def take(self, frame: np.ndarray) -> None:
        """Takes a frame that is wanted."""

    @abstractmethod
    def close(self) -> None:
        """Writes the file; raises `UserError` where it cannot be written."""

    def abandon(self) -> None:
        """Leaves no file."""
        self.seen = 0


class Gif(Film):
    """An animation in one palette, colours of the first frame and those of panels, at most ``width`` pixels wide."""

    def __init__(self, path: Path, fps: float, width: int | None = None) -> None:
        super().__init__(path, fps)
        self.width = width
        self._pictures: list[Image.Image] = []
        self._palette: Image.Image | None = None

    def wants(self, over: bool = False, last: bool = False) -> bool:
        return super().wants(over, last) and self.seen <= LARGEST

    def take(self, frame: np.ndarray) -> None:
        picture = shrunk(Image.fromarray(frame), self.width)
        self._palette = self._palette or film_palette(picture)
        self._pictures.append(picture.quantize(palette=self._palette, dither=Image.Dither.NONE))

    def close(self) -> None:
        if self.seen > LARGEST:
            print(f"the film is cut after {LARGEST} of {self.seen} frames; play fewer --episodes or --steps")
        first, *others = self._pictures
        duration = round(1000 * self.every / self.fps)
        save_picture(first, self.path, "GIF", save_all=True, append_images=others, loop=0, duration=duration)


class Mp4(Film):
    """A film in H.264, by imageio and the ffmpeg that it brings. It grows in a folder beside the file.

    Raises:
        UserError: If imageio or its ffmpeg is missing, or nothing can be written there.
    """

    def __init__(self, path: Path, fps: float) -> None:
        super().__init__(path, fps)
        try:
            from imageio.v2 import get_writer
            from imageio_ffmpeg import count_frames_and_secs
        except ImportError:
            raise UserError("--render mp4 needs imageio: pip install 'pib-rl[video]'; or use --render gif") from None
        with writing(path):
            self._folder = tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.")
        self._part, self._count = Path(self._folder.name) / path.name, count_frames_and_secs
        options: dict[str, Any] = {"fps": fps / self.every, "quality": 7, "macro_block_size": 2}
        self._writer = get_writer(self._part, "FFMPEG", ffmpeg_log_level="error", **options)

    def take(self, frame: np.ndarray) -> None:
        high, wide = frame.shape[0] // 2 * 2, frame.shape[1] // 2 * 2  # H.264 halves its colours both ways
        try:
            self._writer.append_data(frame[:high, :wide])
        except (OSError, RuntimeError, LookupError) as error:  # whatever imageio makes of a broken ffmpeg
            reason = (str(error).strip() or repr(error)).splitlines()[-1]
            raise UserError(
                f"ffmpeg does not run, or cannot write {self.path} ({reason}): leave IMAGEIO_FFMPEG_EXE unset and "
                "pip install 'pib-rl[video]'; or use --render gif"
            ) from None

    def close(self) -> None:
        self._writer.close()
        frames = 0
        with contextlib.suppress(RuntimeError):  # nothing else tells how ffmpeg ended
            frames = self._count(str(self._part))[0]
        if not frames:
            raise UserError(f"ffmpeg cannot write {self.path}: the film is not whole; is the disk full?")
        with writing(self.path):
            os.replace(self._part, self.path)
        self.abandon()

    def abandon(self) -> None:
        self._writer.close()
        self._folder.cleanup()


class Png(Film):
    """The last frame; of others so many are taken as it takes to know the range of colours."""

    last: np.ndarray

    def wants(self, over: bool = False, last: bool = False) -> bool:
        self.seen += 1
        return last or self.seen % SPARSE == 1

    def take(self, frame: np.ndarray) -> None:
        self.last = frame

    def close(self) -> None:
        save_picture(Image.fromarray(self.last), self.path, "PNG")


class Moments(Film):
    """Eight moments of the first episode side by side."""

    def __init__(self, path: Path, fps: float) -> None:
        super().__init__(path, fps)
        self._frames: list[np.ndarray] = []
        self._done = False

    def wants(self, over: bool = False, last: bool = False) -> bool:
        wanted, self._done = not self._done, self._done or over
        return wanted

    def take(self, frame: np.ndarray) -> None:
        self._frames.append(frame)

    def close(self) -> None:
        picks = np.linspace(0, len(self._frames) - 1, MOMENTS).astype(int)
        moments = [np.pad(self._frames[pick], ((2, 2), (2, 2), (0, 0)), constant_values=160) for pick in picks]
        rows = [np.concatenate(moments[: MOMENTS // 2], 1), np.concatenate(moments[MOMENTS // 2 :], 1)]
        save_picture(shrunk(Image.fromarray(np.concatenate(rows)), 1600), self.path, "PNG")


def make_film(kind: str, path: Path, fps: float, composed: bool) -> Film:
    """A film of a kind, gif, mp4 or png; ``composed`` frames show the hardware, too."""
    if kind == "gif":
        return Gif(path, fps, None if composed else 400)
    if kind == "mp4":
        return Mp4(path, fps)
    return Png(path, fps) if composed else Moments(path, fps)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns what goes wrong with a file into one line."""
    try:
        yield
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from None


def save_picture(picture: Image.Image, path: Path, kind: str, **options: Any) -> None:
    """Writes a picture or an animation at once; raises `UserError` where it cannot be written."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, optimize=True, **options)
    with writing(path):
        write_atomically(path, buffer.getvalue())


def film_palette(picture: Image.Image) -> Image.Image:
    """A picture with the palette of a film: colours of ``picture``, of ramps, and the very hues of panels and tasks."""
    hues = (*colours.HUES, colours.INK, colours.FAINT, colours.PAPER, colours.GROUND, colours.PALE)
    ramps = np.concatenate([colours.ramp(True), colours.ramp(False)])
    strip = np.repeat(np.resize(ramps, (-(-len(ramps) // picture.width), picture.width, 3)), 12, 0)
    both = Image.fromarray(np.concatenate([np.asarray(picture.convert("RGB")), strip]))
    count = 255 - len(hues)
    few = both.quantize(count, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    found = Image.new("P", (1, 1))
    found.putpalette([*(few.getpalette() or [])[: 3 * count], *(part for hue in hues for part in hue)])
    return found


def shrunk(picture: Image.Image, width: int | None) -> Image.Image:
    """The picture at most ``width`` pixels wide."""
    if width is None or picture.width <= width:
        return picture
    return picture.resize((width, round(picture.height * width / picture.width)))
