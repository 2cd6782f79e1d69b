"""Writes a trained chip as tables: python -m pib_rl.export RUN --out FOLDER."""

from __future__ import annotations

from rich.console import Console

from pib_rl.cli.cli import parse, run
from pib_rl.cli.process import settle_in
from pib_rl.cli.signals import importing
from pib_rl.exporting.config import ExportConfig

NAME = "pib_rl.export"


def main(arguments: list[str]) -> None:
    """The command."""
    config = parse(ExportConfig, arguments, NAME)
    with importing():  # late: --help and mistakes need none of it
        from pib_rl.exporting.folder import ARRAYS, export

    settle_in()
    arrays = export(config)
    console = Console(soft_wrap=True, highlight=False, markup=False)
    for name, array in arrays.items():
        console.print(f"{name}.csv: {array.settings()[0]} of {array.settings()[1].numel()} devices")
    console.print(
        f"folder: {config.out} (all tables: {ARRAYS}; pib-rl restore {config.out} --out RUN makes a run of it)"
    )


if __name__ == "__main__":
    run(NAME, main)
