"""Modules that bring environments: imported when the command line asks for them, never because a file names them."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from pib_rl.cli.cli import UserError
from pib_rl.common.options import SHORT


@dataclass(frozen=True, kw_only=True)
class ImportSettings:
    """What is imported first."""

    imports: Annotated[tuple[str, ...], tyro.conf.arg(name="import", metavar="MODULE")] = ()
    """Modules to import first: those that register environments of other packages, such as --import ale_py. A module
    that a file names (env: MODULE:Name-v1) is imported only if it is given here."""

    def import_modules(self) -> None:
        """Imports them.

        Raises:
            UserError: If one can't be imported.
        """
        import_modules(self.imports)


def import_modules(names: Sequence[str]) -> None:
    """As `ImportSettings.import_modules`, of modules by name."""
    for name in names:
        try:
            importlib.import_module(name)
        except Exception as error:  # whatever a module of others does
            raise UserError(
                f"--import {name}: {type(error).__name__}: {error}; give a module that Python finds"
            ) from error


def check_imported(env: str, source: Path) -> None:
    """Raises UserError if an environment that a file names would have a module imported that nobody asked for.

    Args:
        env: Its id, "Name-v1", or with the module that registers it, "module:Name-v1".
        source: The file.
    """
    module, colon, _ = env.rpartition(":")
    if colon and module not in sys.modules:
        raise UserError(
            f"{source} wants the module {module[:SHORT]!r} imported for its environment {env[:SHORT]!r}, which can run "
            f"any code; if you trust it, add --import {module[:SHORT]}"
        )
