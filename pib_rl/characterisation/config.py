"""The configuration of a characterisation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pib_rl.cli.cli import UserError, mistakes
from pib_rl.cli.settings import HardwareSettings
from pib_rl.physical import registry

FEWEST, MOST = 2, 512  # drives, and outputs of the array


@dataclass(frozen=True, kw_only=True)
class CharacteriseConfig(HardwareSettings):
    """Fabricates a chip and draws what a device person checks first."""

    size: int = 64
    """Drives of the medium, and outputs of the array behind it."""
    out: Path | None = None
    """Folder for the figures and the report; by default one under characterisations/."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not FEWEST <= self.size <= MOST:
            raise UserError(f"--size must be in {FEWEST}..{MOST}, got {self.size}")
        with mistakes():
            registry.check(self.hw)
        if len(names := registry.each(self.hw)) > 1:
            raise UserError(
                f"--hw must be one substrate, whose medium and array are measured, got {self.hw}; characterise each by "
                f"itself: --hw {names[0]}"
            )

    @property
    def folder(self) -> Path:
        """Where figures and report go."""
        name = f"{self.hw}-n{self.size}-s{self.seed}".replace(":", "-")
        return Path("characterisations") / name if self.out is None else self.out
