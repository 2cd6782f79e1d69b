"""Checks that a substrate keeps the contract of this package: pib-rl certify --hw memristive:pcm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console

from pib_rl.certify.config import CertifyConfig
from pib_rl.cli.cli import FAILURE, UserError, mistakes, parse
from pib_rl.cli.process import settle_in
from pib_rl.cli.signals import importing
from pib_rl.physical import registry
from pib_rl.physical.remote.instrument import InstrumentError, brief

if TYPE_CHECKING:
    from pib_rl.physical.substrate import Substrate

NAME = "pib_rl.certify"


def main(arguments: list[str]) -> None:
    """The command. It ends with code 1 where a check failed."""
    config = parse(CertifyConfig, arguments, NAME)
    with importing():  # late: --help and mistakes need none of it
        from pib_rl.certify import report
        from pib_rl.certify.run import certify
        from pib_rl.common.streams import Streams
        from pib_rl.physical.meter import Meter

    settle_in()

    def make(seed: int) -> Substrate:
        return registry.make(config.hw, config.hw_options, Streams(seed), Meter())

    try:
        with mistakes():
            make(config.seed)  # options that are wrong are the user's mistake, not the substrate's
    except (UserError, InstrumentError):
        raise
    except Exception as error:  # whatever hardware of others does
        raise UserError(
            f"--hw {config.hw} can't be made: {type(error).__name__}: {brief(error)}; mend the substrate"
        ) from error
    found, lab = certify(make, config.seed, config.size)
    if config.out is not None:
        report.write(config, found, lab)
    report.show(config, found)
    if config.out is not None:
        Console().print(f"folder: {config.out}", soft_wrap=True, highlight=False, markup=False)
    if not report.passed(found):
        raise SystemExit(FAILURE)
