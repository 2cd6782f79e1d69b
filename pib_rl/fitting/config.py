"""The configuration of a fit."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import tyro

from pib_rl.cli.cli import UserError
from pib_rl.cli.settings import Settings
from pib_rl.physical.registry import FILES


@dataclass(frozen=True, kw_only=True)
class PulseFitConfig(Settings):
    """Fits a device to measured pulses, or a camera to its photon transfer curve, and writes it as a file.

    The names of the columns say which. --hw memristive:FILE takes a device, and bench.yaml takes a camera.
    """

    data: tyro.conf.Positional[Path]
    """.csv file. Of a device: columns device, cycle, pulse, direction (1 up, -1 down) and conductance_us (or
    conductance_s), what was read after each pulse. Of a camera: exposure, mean_adu, variance_adu; pixel if several."""
    out: Path | None = None
    """File to write, by default my-device.yaml or camera.yaml; a picture of the same name stands beside it."""
    seed: int = 0
    """Seed of the simulated pulses in the picture."""
    progress: bool = True
    """Show a progress bar."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.out is not None:
            self.file(self.out)

    def file(self, default: str | Path) -> Path:
        """The file to write, ``default`` where none was named.

        Raises:
            UserError: If it or its picture is there already, can't be made, or is no .yaml file.
        """
        out = Path(default) if self.out is None else self.out
        if out.suffix.lower() not in FILES:
            raise UserError(f"--out must be the name of a .yaml file, got {out}")
        if out.exists():
            raise UserError(f"--out {out} exists; delete it, or choose another name")
        if os.path.lexists(picture := out.with_suffix(".png")):
            raise UserError(
                f"--out {out}: its picture {picture} exists; delete or rename it, or choose another name for --out"
            )
        if not out.parent.is_dir():
            raise UserError(f"--out {out}: there is no folder {out.parent}; make it first")
        return out
