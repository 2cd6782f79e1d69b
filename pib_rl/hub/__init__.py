"""Runs on the Hugging Face hub: python -m pib_rl.hub push runs/X --repo me/cartpole-optical."""

from __future__ import annotations

from pib_rl.cli.cli import parse
from pib_rl.cli.signals import importing
from pib_rl.hub.config import HubConfig

NAME = "pib_rl.hub"


def main(arguments: list[str]) -> None:
    """The command."""
    config = parse(HubConfig, arguments, NAME)
    with importing():  # late: --help and mistakes need none of it
        from pib_rl.hub import transfer

    if config.what == "push":
        where = transfer.push(config)
        print(f"{config.run} is at {where}")
    else:
        transfer.pull(config)
        print(f"{config.repo} is in {config.run}; pib-rl play {config.run} plays it, if it is of train")
