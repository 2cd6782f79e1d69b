"""The ways to play: count returns, watch in a window, film."""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Iterator

from tqdm import tqdm

from pib_rl.adaptation.recovery import QUARTER
from pib_rl.agents import PIB
from pib_rl.agents.network.faults import check
from pib_rl.cli.cli import UserError, mistakes
from pib_rl.cli.process import check_display
from pib_rl.envs.make import make_env
from pib_rl.physical.substrate import Read
from pib_rl.playing.config import PICTURES, PlayConfig
from pib_rl.playing.film import make_film
from pib_rl.playing.session import Session
from pib_rl.runs.folder import RunFolder
from pib_rl.training.config import TrainConfig
from pib_rl.training.loop import close
from pib_rl.viewer.dependencies import check_pygame


def play(config: PlayConfig, folder: RunFolder, model: PIB, task: TrainConfig) -> Session:
    """Plays to the end, as the configuration asks; the session is closed then.

    Raises:
        UserError: If the hardware can't have a fault, the environment can't be made, or a picture can't be shown.
    """
    with mistakes():
        session = open_session(config, model, task)
    try:
        with mistakes():
            if config.render == "human" and config.composed:
                watch(config, folder, session)
            elif config.render in PICTURES:
                film(config, folder, session)
            else:  # an environment that has a window of its own shows itself
                deque(states(config, session), maxlen=0)
    finally:
        session.close()
    return session


def open_session(config: PlayConfig, model: PIB, task: TrainConfig) -> Session:
    """The play that a configuration asks for; without one, the model is closed."""
    try:
        for fault in config.faults():
            check(model.policy.model, fault)
        if config.render == "human":
            check_display("use --render gif or --render png")
        else:
            os.environ.update(SDL_VIDEODRIVER="dummy", SDL_AUDIODRIVER="dummy")
        if config.composed:
            check_pygame()
        own = config.render == "human" and not config.composed  # the environment's own window shows the task alone
        pictures = {} if config.render == "none" else {"render_mode": "human" if own else "rgb_array"}
        return Session(
            model,
            task,
            make_env(task.env, task.distractors, **pictures),
            read=Read(config.read),
            seed=config.seed,
            faults=config.faults(),
            learn_from=config.learn_from,
            learn_every=config.learn_every,
            learn_steps=config.learn_steps or max(1, task.timesteps // QUARTER),
            threaded=config.render == "human" and config.composed,
        )
    except BaseException:
        close(model)
        raise


def states(config: PlayConfig, session: Session) -> Iterator[bool]:
    """Plays to the end; yields at every state that is to be seen, True with the last one."""
    what = "steps" if config.steps else "episodes"
    with tqdm(total=config.length, desc=what, disable=not config.progress) as bar:
        done = 0
        while done < config.length:
            yield False
            session.advance()
            before, done = done, session.steps if config.steps else len(session.returns)
            bar.update(done - before)
    yield True


def watch(config: PlayConfig, folder: RunFolder, session: Session) -> None:
    """Opens the window."""
    from pib_rl.playing.window import Window

    steps, episodes = config.steps or math.inf, config.episodes or math.inf
    window = Window(session, config.pixels(), session.fps, folder.path)
    window.run(lambda: session.steps >= steps or len(session.returns) >= episodes)


def film(config: PlayConfig, folder: RunFolder, session: Session) -> None:
    """Films the play, or draws moments of it."""
    path = config.file or folder.path / f"play.{config.render}"
    reel, painter = make_film(config.render, path, session.fps, config.composed), None
    try:
        for last in states(config, session):
            if not reel.wants(session.over, last):
                continue
            frame = session.frame()
            if config.composed:
                from pib_rl.viewer import Painter

                painter = painter or Painter(config.pixels(), task=frame is not None)
                painter.paint(session.scene(), frame)
                frame = painter.array()
            if frame is None:
                raise UserError("the environment renders no pictures (render_mode rgb_array)")
            reel.take(frame)
        reel.close()
    except BaseException:
        reel.abandon()
        raise
    print(f"picture: {path}")
