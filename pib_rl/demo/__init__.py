"""A first look in about two minutes: python -m pib_rl.demo."""

from __future__ import annotations

from pib_rl.cli.cli import parse
from pib_rl.cli.process import settle_in
from pib_rl.cli.signals import importing
from pib_rl.demo.config import DemoConfig

NAME = "pib_rl.demo"


def main(arguments: list[str]) -> None:
    """The command."""
    config = parse(DemoConfig, arguments, NAME)
    with importing():  # late: --help and mistakes need none of it
        from pib_rl.demo.acts import perform

    settle_in()
    perform(config)
