"""Plays a saved run: python -m pib_rl.play RUN --render human."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
from tqdm import tqdm

from pib_rl.adaptation.recovery import QUARTER
from pib_rl.agents import PIB
from pib_rl.agents.network.faults import check
from pib_rl.agents.saved import policy_arguments
from pib_rl.cli.cli import UserError, mistakes, parse, run
from pib_rl.cli.process import check_display, settle_in
from pib_rl.envs.make import make_env
from pib_rl.physical.substrate import Read
from pib_rl.playing.config import PICTURES, PlayConfig
from pib_rl.runs.folder import BEST, CONFIG, LAST, RunFolder, load_into
from pib_rl.train import build
from pib_rl.training.config import TrainConfig, from_plain
from pib_rl.training.evaluation import decimals
from pib_rl.training.loop import close
from pib_rl.viewer.dependencies import check_pygame

if TYPE_CHECKING:
    from pib_rl.playing.session import Session

NAME = "pib_rl.play"


def main(arguments: list[str]) -> None:
    """The command."""
    settle_in()
    config = parse(PlayConfig, arguments, NAME)
    folder = RunFolder.open(config.run)
    model, task = load(folder, BEST if config.best else LAST)
    try:
        with mistakes():
            for fault in config.faults():
                check(model.policy.model, fault)
        if config.render == "human":
            check_display("use --render gif or --render png")
        else:
            os.environ.update(SDL_VIDEODRIVER="dummy", SDL_AUDIODRIVER="dummy")
        with mistakes():
            env = make_env(task.env, task.distractors, **render_mode(config))
    except BaseException:
        close(model)
        raise
    show(config, folder, model, task, env)


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


def render_mode(config: PlayConfig) -> dict[str, Any]:
    """How the environment is made: a window of its own is for the task alone."""
    if config.render == "none":
        return {}
    return {"render_mode": "human" if config.render == "human" and not config.composed else "rgb_array"}


def show(config: PlayConfig, folder: RunFolder, model: PIB, task: TrainConfig, env: gym.Env[Any, Any]) -> None:
    """Plays, and prints the returns."""
    with mistakes():
        from pib_rl.playing.session import Session

        if config.composed:
            check_pygame()
        session = Session(
            model,
            task,
            env,
            read=Read(config.read),
            seed=config.seed,
            faults=config.faults(),
            learn_from=config.learn_from,
            learn_every=config.learn_every,
            learn_steps=config.learn_steps or max(1, task.timesteps // QUARTER),
            threaded=config.render == "human" and config.composed,
        )
    try:
        with mistakes():
            if config.render == "human" and config.composed:
                watch(config, folder, session)
            elif config.render in PICTURES:
                film(config, folder, session)
            else:
                count(config, session)
    finally:
        session.close()
    if session.returns:
        places = decimals(*session.returns)
        told = ", ".join(f"{value:.{places}f}" for value in session.returns)
        print(f"returns: {told} (mean {np.mean(session.returns):.{places}f})")
    else:
        print(f"returns: none, no episode ended within {session.steps} steps")
    for what in session.missed():
        print(f"note: {what} never came: the play ended after {session.steps} steps; give --steps", file=sys.stderr)


def played(config: PlayConfig, session: Session) -> Iterator[bool]:
    """Plays to the end; yields at every state that is to be seen, those that end an episode among them.

    True comes with the last one.
    """
    what = "steps" if config.steps else "episodes"
    with tqdm(total=config.length, desc=what, disable=not config.progress) as bar:
        done = 0
        while done < config.length:
            yield False
            session.advance()
            before, done = done, session.steps if config.steps else len(session.returns)
            bar.update(done - before)
    yield True


def count(config: PlayConfig, session: Session) -> None:
    """Plays; an environment that has a window of its own shows itself."""
    for _ in played(config, session):
        pass


def watch(config: PlayConfig, folder: RunFolder, session: Session) -> None:
    """Opens the window."""
    from pib_rl.playing.window import Window

    def over() -> bool:
        return (config.steps is not None and session.steps >= config.steps) or (
            config.episodes is not None and len(session.returns) >= config.episodes
        )

    Window(session, config.pixels(), session.pace, folder.path).run(over)


def film(config: PlayConfig, folder: RunFolder, session: Session) -> None:
    """Films the play, or draws moments of it."""
    from pib_rl.playing.film import Moments, make_film
    from pib_rl.viewer import Painter

    path = config.file or folder.path / f"play.{config.render}"
    reel, painter = make_film(config.render, path, session.pace, config.composed), None
    try:
        for last in played(config, session):
            wanted = reel.wants(session.over, last) and not (isinstance(reel, Moments) and session.episode > 1)
            frame = session.frame() if wanted else None
            if wanted and config.composed:
                painter = painter or Painter(config.pixels(), task=frame is not None)
                painter.paint(session.scene(), frame)
                frame = painter.array()
            if wanted and frame is None:
                raise UserError("the environment renders no pictures (render_mode rgb_array)")
            reel.take(frame)
        reel.close()
    except BaseException:
        reel.abandon()
        raise
    print(f"picture: {path}")


if __name__ == "__main__":
    run(NAME, main)
