"""A first look in about two minutes: python -m pib_rl.demo."""

from __future__ import annotations

from pib_rl.cli.cli import parse
from pib_rl.cli.process import settle_in
from pib_rl.demo.config import DemoConfig

NAME = "pib_rl.demo"


def main(arguments: list[str]) -> None:
    """The command."""
    settle_in()
    config = parse(DemoConfig, arguments, NAME)
    from pib_rl.demo.acts import perform  # late: --help and mistakes need none of it

    perform(config)
