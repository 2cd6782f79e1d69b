"""Makes a run folder of an exported chip: python -m pib_rl.restore FOLDER --out RUN."""

from __future__ import annotations

from rich.console import Console

from pib_rl.cli.cli import parse, run
from pib_rl.cli.process import settle_in
from pib_rl.cli.signals import importing
from pib_rl.exporting.config import RestoreConfig

NAME = "pib_rl.restore"


def main(arguments: list[str]) -> None:
    """The command."""
    config = parse(RestoreConfig, arguments, NAME)
    with importing():  # late: --help and mistakes need none of it
        from pib_rl.exporting.folder import restore

    settle_in()
    changed = restore(config)
    console = Console(soft_wrap=True, highlight=False, markup=False)
    for name, count in changed.items():
        console.print(f"{name}: {count or 'no'} settings changed")
    console.print(f"run folder: {config.out}")


if __name__ == "__main__":
    run(NAME, main)
