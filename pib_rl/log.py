"""Logs observations to learn from without labels: python -m pib_rl.log CartPole-v1."""

from __future__ import annotations

from pib_rl.cli.cli import parse, run
from pib_rl.cli.process import settle_in
from pib_rl.cli.signals import importing
from pib_rl.training.settings.log import LogConfig

NAME = "pib_rl.log"


def main(arguments: list[str]) -> None:
    """The command."""
    config = parse(LogConfig, arguments, NAME)
    with importing():  # late: --help and mistakes need none of it
        from pib_rl.training.observations import log

    settle_in()
    config.import_modules()
    logged = log(config)
    print(
        f"{len(logged):,} observations of {logged.shape[1]} numbers, and those that followed: {config.file}\n"
        f"python -m pib_rl.learn {config.file} --target views"
    )


if __name__ == "__main__":
    run(NAME, main)
