"""The configurations of an export and of its way back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro

from pib_rl.cli.settings import Settings


@dataclass(frozen=True, kw_only=True)
class ExportConfig(Settings):
    """Writes what a bench needs to make a trained chip: conductances and pulses, phases, or weights of each array."""

    run: tyro.conf.Positional[Path]
    """Run folder of train."""
    out: Path
    """Folder to make."""
    best: bool = False
    """The best checkpoint, not the last policy."""
    chip: int | None = None
    """Of a wafer: the chip, counted from 0; by default the first."""


@dataclass(frozen=True, kw_only=True)
class RestoreConfig(Settings):
    """Makes a run folder of an exported chip, with what was changed in its arrays.npz."""

    folder: tyro.conf.Positional[Path]
    """Folder that pib-rl export made."""
    out: Path
    """Run folder to make; play, adapt and train --init take it."""
