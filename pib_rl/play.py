"""Plays a saved run: python -m pib_rl.play RUN --render gif."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import gymnasium as gym
import numpy as np
import tyro
from tqdm import tqdm

from pib_rl.agents.policy import Reader
from pib_rl.agents.saved import load_policy, policy_arguments
from pib_rl.cli import UserError, mistakes, parse, run
from pib_rl.config import TrainConfig, from_plain
from pib_rl.envs.make import make_env
from pib_rl.physical.streams import Streams
from pib_rl.physical.substrate import Read
from pib_rl.process import settle_in
from pib_rl.runs import BEST, CONFIG, LAST, RunFolder, write_atomically

NAME = "pib_rl.play"
LARGEST_GIF = 1500  # frames; a longer film is cut, with a word about it


@dataclass(frozen=True)
class PlayConfig:
    """Plays episodes of a saved run and prints their returns."""

    run: tyro.conf.Positional[Path]
    """Run folder that python -m pib_rl.train made."""
    render: Literal["none", "human", "gif", "png"] = "none"
    """human opens a window; gif films the episodes, png draws eight moments of the first; none prints returns only."""
    episodes: int = 3
    """Episodes to play."""
    read: Literal["noisy", "mean", "ideal"] = "noisy"
    """Read mode of the hardware."""
    best: bool = False
    """Play the best checkpoint instead of the last policy."""
    seed: int = 0
    """Seed of the episodes."""
    file: Path | None = None
    """Where the picture goes; by default play.gif or play.png in the run folder."""
    progress: bool = True
    """Show a progress bar."""

    def __post_init__(self) -> None:
        if self.episodes < 1:
            raise UserError(f"--episodes must be 1 or more, got {self.episodes}")
        if self.seed < 0:
            raise UserError(f"--seed must be 0 or more, got {self.seed}")


def main(arguments: list[str]) -> None:
    """The command."""
    settle_in()
    config = parse(PlayConfig, arguments, NAME)
    picture = config.render in ("gif", "png")
    if config.file is not None and not picture:
        raise UserError("--file is for pictures: give --render gif or --render png too")
    if config.file is not None and not config.file.parent.is_dir():
        raise UserError(f"--file {config.file}: there is no folder {config.file.parent}")
    folder = RunFolder.open(config.run)
    reader, task = load(folder, BEST if config.best else LAST, Read(config.read))
    if config.render == "human":
        check_display()
    else:
        os.environ.update(SDL_VIDEODRIVER="dummy", SDL_AUDIODRIVER="dummy")
    with mistakes():
        mode = {} if config.render == "none" else {"render_mode": "rgb_array" if picture else "human"}
        env = make_env(task.env, task.distractors, **mode)
    frames: list[np.ndarray] = []
    returns = []
    try:
        for episode in tqdm(range(config.episodes), desc="episodes", disable=not config.progress):
            total = 0.0
            for reward, frame in play(env, reader, Streams(config.seed).integer(f"play-{episode}")):
                total += reward
                if frame is not None and (config.render == "gif" or episode == 0):
                    frames.append(frame)
            returns.append(total)
    finally:
        env.close()
    print(f"returns: {', '.join(f'{value:.1f}' for value in returns)} (mean {np.mean(returns):.1f})")
    if picture:
        path = config.file or folder.path / f"play.{config.render}"
        save_picture(path, frames, config.render, env.metadata.get("render_fps") or 30)
        print(f"picture: {path}")


def load(folder: RunFolder, name: str, read: Read) -> tuple[Reader, TrainConfig]:
    """The saved policy of a run and its configuration.

    Raises:
        UserError: If the folder's files do not fit together.
    """
    settings = folder.substance()
    with mistakes():
        policy_arguments(settings, folder.path)
    task = from_plain(settings, folder.path / CONFIG)
    if not task.env:
        raise UserError(f"{folder.path / CONFIG} names no environment")
    with mistakes(RuntimeError, AssertionError):
        env = make_env(task.env, task.distractors)
        try:
            policy = load_policy(folder.path, env.observation_space, env.action_space, name)
        finally:
            env.close()
    return Reader(policy, read), task


def check_display() -> None:
    """Raises UserError where no window can open."""
    if os.name == "posix" and "darwin" not in os.uname().sysname.lower() and not (
            os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or os.environ.get("SDL_VIDEODRIVER")):
        raise UserError("--render human needs a display and there is none; use --render gif or --render png")


def play(env: gym.Env[Any, Any], reader: Reader, seed: int) -> Iterator[tuple[float, np.ndarray | None]]:
    """One greedy episode: its rewards, and the frames where the environment renders them as arrays."""
    obs, _ = env.reset(seed=seed)
    over = False
    while not over:
        actions, _ = reader.predict(obs if isinstance(obs, dict) else np.asarray(obs), deterministic=True)
        frame = env.render() if env.render_mode == "rgb_array" else None
        obs, reward, terminated, truncated, _ = env.step(actions[0])
        over = terminated or truncated
        yield float(reward), frame if isinstance(frame, np.ndarray) else None


def save_picture(path: Path, frames: list[np.ndarray], kind: str, fps: int) -> None:
    """Writes an animation, or eight moments of one episode side by side.

    Raises:
        UserError: If the environment gave no frames or the file cannot be written.
    """
    from PIL import Image

    if not frames:
        raise UserError("the environment renders no pictures (render_mode rgb_array)")
    if kind == "gif" and len(frames) > LARGEST_GIF:
        print(f"the film is cut after {LARGEST_GIF} of {len(frames)} frames; play fewer --episodes")
    buffer = io.BytesIO()
    if kind == "gif":
        every = max(1, round(fps / 25))  # browsers slow down animations of more than some 30 frames a second
        pictures = [shrunk(Image.fromarray(frame)) for frame in frames[:LARGEST_GIF:every]]
        pictures[0].save(buffer, "GIF", save_all=True, append_images=pictures[1:], loop=0,
                         duration=round(1000 * every / fps), optimize=True)
    else:
        moments = [np.pad(frames[index], ((2, 2), (2, 2), (0, 0)), constant_values=160)
                   for index in np.linspace(0, len(frames) - 1, 8).astype(int)]
        rows = [np.concatenate(moments[:4], 1), np.concatenate(moments[4:], 1)]
        shrunk(Image.fromarray(np.concatenate(rows)), 1600).save(buffer, "PNG")
    try:
        write_atomically(path, buffer.getvalue())
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from None


def shrunk(picture: Any, width: int = 400) -> Any:
    """The picture at most ``width`` pixels wide."""
    if picture.width <= width:
        return picture
    return picture.resize((width, round(picture.height * width / picture.width)))


if __name__ == "__main__":
    run(NAME, main)
