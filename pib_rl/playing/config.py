"""The configuration of a play."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

from pib_rl.cli.cli import UserError, mistakes
from pib_rl.cli.imports import ImportSettings
from pib_rl.physical.faults import Fault, parse_all
from pib_rl.viewer.sizes import check_size

SIZES = {"gif": (960, 540)}  # of pictures, in pixels, where it is not the usual one
USUAL = (1280, 720)
PICTURES = ("gif", "mp4", "png")


@dataclass(frozen=True)
class PlayConfig(ImportSettings):
    """Plays episodes of a saved run and prints their returns."""

    run: tyro.conf.Positional[Path]
    """Run folder that python -m pib_rl.train made."""
    render: Literal["none", "human", "gif", "mp4", "png"] = "none"
    """human opens a window (H lists its keys); gif and mp4 film the episodes, png draws the last step; none prints
    returns only."""
    view: Literal["both", "task"] = "both"
    """Show task and hardware, or the task alone; a png then has eight moments of the first episode."""
    size: str | None = None
    """Size of window and pictures with hardware, as WIDTHxHEIGHT in pixels; by default 1280x720, and 960x540 of a gif.
    """
    episodes: int | None = None
    """Episodes to play; by default 3, of a film or picture 1, and in a window no end."""
    steps: int | None = None
    """Environment steps to play, in the place of --episodes."""
    fault: tuple[str, ...] = ()
    """What breaks and after how many steps played, as KIND:SIZE@STEP, such as rotate-medium:60@200."""
    learn_from: int | None = None
    """Steps played until the chip learns on in place, beside the play; by default never."""
    learn_every: int = 50
    """Steps played to each rollout that it learns from; in a window it learns as fast as it can."""
    learn_steps: int | None = None
    """Environment steps that it learns for; by default a quarter of the run's own."""
    chip: int | None = None
    """Of a run with several chips: the one that plays, counted from 0; by default the first one."""
    read: Literal["noisy", "mean", "ideal"] = "noisy"
    """Read mode of the hardware."""
    best: bool = False
    """Play the best checkpoint instead of the last policy."""
    seed: int = 0
    """Seed of the episodes."""
    file: Path | None = None
    """Where the picture goes, a file that does not exist yet; by default play.gif, play.mp4 or play.png in the run
    folder, in the place of an earlier one."""
    progress: bool = True
    """Show a progress bar."""

    def __post_init__(self) -> None:
        for name, least in (
            ("episodes", 1),
            ("steps", 1),
            ("learn_from", 0),
            ("learn_every", 1),
            ("learn_steps", 1),
            ("seed", 0),
        ):
            value = getattr(self, name)
            if value is not None and value < least:
                raise UserError(f"--{name.replace('_', '-')} must be {least} or more, got {value}")
        if self.episodes is not None and self.steps is not None:
            raise UserError("--episodes and --steps both say when to end; give one of them")
        if self.file is not None:
            self._check_file(self.file)
        if self.learn_from is None and self.learn_steps is not None and self.render != "human":
            raise UserError("--learn-steps is for learning in place: give --learn-from STEP too")
        if self.learn_from is not None and self.steps is not None and self.learn_from > self.steps:
            raise UserError(f"--learn-from {self.learn_from} would be after the end: {self.steps} steps are played")
        self.faults()
        self.pixels()

    def _check_file(self, file: Path) -> None:
        if self.render not in PICTURES:
            raise UserError("--file is for pictures: give --render gif, mp4 or png too")
        if file.suffix.lower() != f".{self.render}":
            raise UserError(f"--file must end with .{self.render}, as --render {self.render} makes it, got {file}")
        if not file.parent.is_dir():
            raise UserError(f"--file {file}: there is no folder {file.parent}")
        if os.path.lexists(file):
            raise UserError(f"--file {file} exists; choose another, or move it away")

    @property
    def composed(self) -> bool:
        """Whether hardware is shown."""
        return self.view == "both" and self.render != "none"

    @property
    def length(self) -> int:
        """Steps to play, or episodes where no steps are given."""
        return self.steps or self.episodes or (1 if self.render in PICTURES else 3)

    def faults(self) -> list[Fault]:
        """What breaks, in order.

        Raises:
            UserError: If one is no fault, or would happen after the end.
        """
        with mistakes():
            return parse_all(self.fault, self.steps)

    def pixels(self) -> tuple[int, int]:
        """Width and height of window and pictures.

        Raises:
            UserError: If --size is nothing of the form WIDTHxHEIGHT, too small or too large, or nothing would show it.
        """
        if self.size is None:
            return SIZES.get(self.render, USUAL)
        found = re.fullmatch(r"(\d{1,5})x(\d{1,5})", self.size)
        if found is None:
            raise UserError(f"--size must be WIDTHxHEIGHT in pixels, such as 1920x1080, got {self.size!r}")
        if not self.composed:
            raise UserError(
                "--size is that of a window or picture with hardware: give --render human, gif, mp4 or "
                "png, and no --view task"
            )
        size = int(found[1]), int(found[2])
        try:
            check_size(size)
        except ValueError as error:
            raise UserError(f"--size {self.size}: {error}") from None
        return size
