"""Plays a saved run: python -m pib_rl.play RUN --render human."""

from __future__ import annotations

import sys

import numpy as np

from pib_rl.agents import PIB
from pib_rl.agents.saved import policy_arguments
from pib_rl.cli.cli import UserError, mistakes, parse, run
from pib_rl.cli.process import settle_in
from pib_rl.playing.config import PlayConfig
from pib_rl.playing.modes import play
from pib_rl.runs.folder import BEST, CONFIG, LAST, RunFolder, load_into
from pib_rl.train import build
from pib_rl.training.config import TrainConfig, from_plain
from pib_rl.training.evaluation import decimals

NAME = "pib_rl.play"


def main(arguments: list[str]) -> None:
    """The command."""
    settle_in()
    config = parse(PlayConfig, arguments, NAME)
    folder = RunFolder.open(config.run)
    model, task = load(folder, BEST if config.best else LAST)
    session = play(config, folder, model, task)
    if session.returns:
        places = decimals(*session.returns)
        returns = ", ".join(f"{value:.{places}f}" for value in session.returns)
        print(f"returns: {returns} (mean {np.mean(session.returns):.{places}f})")
    else:
        print(f"returns: none, no episode ended within {session.steps} steps")
    for what in session.missed():
        print(f"note: {what} never came: the play ended after {session.steps} steps; give --steps", file=sys.stderr)


def load(folder: RunFolder, name: str) -> tuple[PIB, TrainConfig]:
    """The model of a run with the saved policy, and its configuration.

    Raises:
        UserError: If the folder's files do not fit together.
    """
    settings = folder.identity()
    with mistakes():
        policy_arguments(settings, folder.path)
    task = from_plain(settings, folder.path / CONFIG)
    if not task.env:
        raise UserError(f"{folder.path / CONFIG} names no environment")
    with mistakes(RuntimeError, AssertionError):
        model = build(task)
    load_into(model.policy, folder.load_policy(name), folder.path / name)
    return model, task


if __name__ == "__main__":
    run(NAME, main)
