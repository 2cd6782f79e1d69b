"""The configuration of an inspection: a dataclass whose field texts are the command line's help."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pib_rl.cli import UserError
from pib_rl.config import check_ranges, pairs


@dataclass(frozen=True)
class InspectConfig:
    """Fabricates a chip and reports what a device person checks first."""

    hw: str = "memristive"
    """Substrate, or SUBSTRATE:PRESET, such as memristive:pcm or optical:dmd."""
    hw_options: tuple[str, ...] = ()
    """Settings of the substrate that differ from its default, as NAME=VALUE."""
    size: int = 64
    """Drives of the medium, and outputs of the medium and of the array: 2..1024."""
    seed: int = 0
    """Seed of the chip and of its noise."""
    out: Path | None = None
    """Folder to make; by default one under runs/."""

    def __post_init__(self) -> None:
        check_ranges(self)
        if not 2 <= self.size <= 1024:
            raise UserError(f"--size must be in 2..1024, got {self.size}")

    @property
    def stem(self) -> str:
        """Name of the inspection, for its folder."""
        return f"inspect-{self.hw}-s{self.seed}".replace(":", "-")

    def options(self) -> dict[str, Any]:
        """Settings of the substrate as plain data."""
        return pairs(self.hw_options, "hw-options")

    def substance(self) -> dict[str, Any]:
        """What defines the inspection, as plain data."""
        plain = {key: value for key, value in asdict(self).items() if key != "out"}
        return plain | {"hw_options": self.options()}
