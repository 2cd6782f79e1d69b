"""The configuration of the demonstration."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pib_rl.cli.settings import Settings


@dataclass(frozen=True, kw_only=True)
class DemoConfig(Settings):
    """Trains an optical chip on CartPole, breaks it, lets it recover, films it, and makes a page of all that."""

    seed: int = 0
    """Seed of the chip and of everything that is drawn: another seed is another chip."""
    out: Path | None = None
    """Folder to make; by default one under runs/. A demonstration that is there is shown, or gone on with."""
    open: bool = True
    """Open the page in a browser, where there is a display."""
    progress: bool = True
    """Show progress bars."""
    timesteps: int = 32_768
    """Environment steps of the training; fewer are faster, and the pole falls sooner."""

    @property
    def folder(self) -> Path:
        """Where everything goes."""
        return self.out or Path("runs") / f"demo-s{self.seed}"
