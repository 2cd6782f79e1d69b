"""The configuration of a certification."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pib_rl.cli.cli import UserError, mistakes
from pib_rl.cli.imports import ImportSettings
from pib_rl.cli.settings import HardwareSettings
from pib_rl.physical import registry

FEWEST, MOST = 2, 256  # drives, and outputs of the array


@dataclass(frozen=True, kw_only=True)
class CertifyConfig(HardwareSettings, ImportSettings):
    """Checks that a substrate keeps the contract of this package; exit code 1 if it does not."""

    size: int = 16
    """Drives of the medium, and outputs of the array behind it."""
    out: Path | None = None
    """New folder for report.md, figure.png and certificate.yaml; by default nothing is written."""

    def __post_init__(self) -> None:
        self.import_modules()
        super().__post_init__()
        if not FEWEST <= self.size <= MOST:
            raise UserError(f"--size must be in {FEWEST}..{MOST}, got {self.size}")
        with mistakes():
            registry.check(self.hw)
        if len(names := registry.each(self.hw)) > 1:
            raise UserError(f"--hw must be one substrate, got {self.hw}; certify each by itself: --hw {names[0]}")
        if self.out is not None:
            self._check_out(self.out)

    def _check_out(self, out: Path) -> None:
        try:
            taken = out.exists() and (not out.is_dir() or any(out.iterdir()))
        except OSError as error:
            raise UserError(f"cannot use --out {out}: {error.strerror or error}") from None
        if taken:
            raise UserError(f"--out {out} is there already; choose a new folder")
