"""Fabricates a chip and draws what a device person checks first: python -m pib_rl.characterise --hw memristive:pcm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pib_rl.characterisation.config import CharacteriseConfig
from pib_rl.cli.cli import mistakes, parse, run
from pib_rl.cli.process import settle_in
from pib_rl.cli.signals import importing
from pib_rl.physical import registry

if TYPE_CHECKING:
    from pib_rl.characterisation.measurement import Measurement

NAME = "pib_rl.characterise"


def main(arguments: list[str]) -> None:
    """The command."""
    config = parse(CharacteriseConfig, arguments, NAME)
    with importing():  # late: --help and mistakes need none of it
        from pib_rl.characterisation import report
        from pib_rl.characterisation.test_chip import TestChip
        from pib_rl.common.streams import Streams
        from pib_rl.physical.meter import Meter

    settle_in()
    with mistakes():
        substrate = registry.make(config.hw, config.hw_options, Streams(config.seed), Meter())
        chip = TestChip.fabricate(substrate, config.size)
    folder = report.make_folder(config)
    measurements = report.measure(chip, config.progress)
    report.write(folder, config, measurements)
    show(config, measurements)
    Console().print(f"folder: {folder}", soft_wrap=True, highlight=False, markup=False)


def show(config: CharacteriseConfig, measurements: list[Measurement]) -> None:
    """The table of key numbers."""
    table = Table(title=escape(f"{config.hw}, {config.size} drives, seed {config.seed}"), title_style="")
    table.add_column("")
    table.add_column("measured", justify="right")
    for found in measurements:
        for name, value in found.rows():
            table.add_row(escape(name), escape(value))
        table.add_section()
    Console().print(table)


if __name__ == "__main__":
    run(NAME, main)
