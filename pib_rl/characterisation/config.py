"""The configuration of a characterisation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pib_rl.cli.cli import UserError, mistakes
from pib_rl.physical import registry
from pib_rl.training.config import check_ranges, pairs

FEWEST, MOST = 2, 512  # drives, and outputs of the array


@dataclass(frozen=True)
class CharacteriseConfig:
    """Fabricates a chip and draws what a device person checks first."""

    hw: str = "digital"
    """Substrate: digital, memristive, optical, mzi, oscillator, remote, or one of an installed package;
    SUBSTRATE:PRESET, such as memristive:pcm, for published hardware."""
    hw_options: tuple[str, ...] = ()
    """Settings of the substrate that differ from its default, as NAME=VALUE."""
    seed: int = 0
    """Seed of the chip and of all measurements."""
    size: int = 64
    """Drives of the medium, and outputs of the array behind it."""
    out: Path | None = None
    """Folder for the figures and the report; by default one under characterisations/."""
    progress: bool = True
    """Show a progress bar."""

    def __post_init__(self) -> None:
        check_ranges(self)
        if not FEWEST <= self.size <= MOST:
            raise UserError(f"--size must be in {FEWEST}..{MOST}, got {self.size}")
        with mistakes():
            registry.check(self.hw)

    @property
    def folder(self) -> Path:
        """Where figures and report go."""
        name = f"{self.hw}-n{self.size}-s{self.seed}".replace(":", "-")
        return Path("characterisations") / name if self.out is None else self.out

    def identity(self) -> dict[str, Any]:
        """What defines the chip, as plain data."""
        return {"hw": self.hw, "hw_options": pairs(self.hw_options, "hw-options"), "seed": self.seed, "size": self.size}
