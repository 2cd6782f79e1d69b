"""Plays a saved run: python -m pib_rl.play RUN --render human."""

from __future__ import annotations

import sys

import numpy as np

from pib_rl.cli.cli import parse, run
from pib_rl.cli.process import settle_in
from pib_rl.cli.signals import importing
from pib_rl.playing.config import PlayConfig
from pib_rl.runs.folder import BEST, LAST, RunFolder
from pib_rl.runs.result import decimals, format_return

NAME = "pib_rl.play"


def main(arguments: list[str]) -> None:
    """The command."""
    config = parse(PlayConfig, arguments, NAME)
    with importing():  # late: --help and mistakes need none of it
        from pib_rl.playing.modes import play
        from pib_rl.training.load import load

    settle_in()
    config.import_modules()
    folder = RunFolder.open(config.run)
    model, task = load(folder, BEST if config.best else LAST, config.chip)
    session = play(config, folder, model, task)
    if session.returns:
        mean = f"{np.mean(session.returns):.{decimals(*session.returns)}f}"
        print(f"returns: {format_return(*session.returns)} (mean {mean})")
    else:
        print(f"returns: none, no episode ended within {session.steps} steps")
    for what in session.missed():
        print(f"note: {what} never came: the play ended after {session.steps} steps; give --steps", file=sys.stderr)


if __name__ == "__main__":
    run(NAME, main)
