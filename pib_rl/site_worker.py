"""Runs a site, some units of a network on their own chip: pib-rl site --name beijing --connect HOST:PORT --key FILE."""

from __future__ import annotations

import sys

from pib_rl.cli.cli import UserError, mistakes, note, parse, run
from pib_rl.cli.process import settle_in
from pib_rl.cli.signals import importing
from pib_rl.sites.check import check_installed
from pib_rl.sites.keys import SiteKey
from pib_rl.sites.settings import SiteSettings

NAME = "pib_rl.site_worker"


def main(arguments: list[str]) -> None:
    """The command."""
    config = parse(SiteSettings, arguments, NAME)
    with mistakes():
        check_installed("pib-rl site")
        key = SiteKey.load(config.key)
        if config.name not in (None, key.name):
            raise UserError(f"{config.key} is the key of site {key.name}, not of {config.name}")
        config.state.mkdir(parents=True, exist_ok=True)

        with importing():  # late: --help and mistakes need none of it
            from pib_rl.sites.worker import SiteWorker

        settle_in()
        lifeline = sys.stdin.fileno() if config.lifeline else None
        site = SiteWorker(
            key,
            config.address,
            config.state,
            config.seed,
            lambda line: note(f"site {key.name}: {line}"),
            lifeline,
        )
        try:
            site.run()
        except KeyboardInterrupt:
            note(f"site {key.name}: interrupted; the chip's state is in {config.state}")


if __name__ == "__main__":
    run(NAME, main)
