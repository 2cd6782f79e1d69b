"""The configuration of a fit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro

from pib_rl.cli.cli import UserError
from pib_rl.cli.settings import Settings
from pib_rl.physical.registry import FILES


@dataclass(frozen=True, kw_only=True)
class PulseFitConfig(Settings):
    """Fits a device to measured pulses, and writes it as a file that --hw memristive:FILE takes."""

    data: tyro.conf.Positional[Path]
    """.csv file with the columns device, cycle, pulse, direction (1 up, -1 down) and conductance_us (or conductance_s):
    what was read after each pulse."""
    out: Path = Path("my-device.yaml")
    """File to write; a picture of the same name stands beside it."""
    seed: int = 0
    """Seed of the simulated pulses in the picture."""
    progress: bool = True
    """Show a progress bar."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.out.suffix.lower() not in FILES:
            raise UserError(f"--out must be the name of a .yaml file, got {self.out}")
        if self.out.exists():
            raise UserError(f"--out {self.out} exists; delete it, or choose another name")
        if not self.out.parent.is_dir():
            raise UserError(f"--out {self.out}: there is no folder {self.out.parent}; make it first")

    @property
    def picture(self) -> Path:
        """The picture's file."""
        return self.out.with_suffix(".png")
