"""Observations of a task to learn from without labels: of random actions, or of a policy's."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.vec_env import VecEnv
from tqdm import tqdm

from pib_rl.agents.observations import as_matrix, as_picture, check_observation_space
from pib_rl.agents.policy import Reader
from pib_rl.agents.resuming.failures import of_environment
from pib_rl.cli.cli import UserError, mistakes
from pib_rl.common.atomic import write_atomically
from pib_rl.common.finite import Origin
from pib_rl.common.streams import EXPLORATION, Streams
from pib_rl.envs.lookup import find_spec
from pib_rl.envs.make import make_vec_env
from pib_rl.physical.substrate import Read
from pib_rl.runs.folder import LAST, RunFolder, make_folder
from pib_rl.runs.minari_sets import EpisodeLog, LoggedEpisode, check_new, write_episodes
from pib_rl.training.load import load
from pib_rl.training.loop import close
from pib_rl.training.resuming.failures import close_environment
from pib_rl.training.settings.log import LogConfig

LOG = "log"  # stream of the environments' seed: a training with the same seed sees others


def log(config: LogConfig) -> np.ndarray:
    """Logs observations into the file of the configuration.

    Returns:
        Those that were logged, shape (n, features), or (n, height, width, channels) for images; the file holds what
        followed each, too.

    Raises:
        UserError: If something does not exist or does not fit, or the file can't be written.
    """
    streams = Streams(config.seed)
    with mistakes(RuntimeError, AssertionError, MemoryError, OverflowError):
        find_spec(config.env)
        env = make_vec_env(config.env, config.n_envs, streams.integer(LOG), config.distractors)
    try:
        with mistakes():
            check_observation_space(env.observation_space)
            check_minari(config, env)
            act = actor(config, env, streams)
            make_folder(config.file.parent)
            now, later, episodes = collect(env, act, config)
    finally:
        close_environment(env)
    if len(now) < 2:
        raise UserError(
            f"too few steps (--timesteps {config.timesteps}): pairs of observations within an episode: "
            f"{len(now)}; log more"
        )
    content = io.BytesIO()
    np.savez_compressed(content, x_train=now, x_next=later, channels="last")
    try:
        write_atomically(config.file, content.getvalue())
    except OSError as error:
        raise UserError(f"cannot write {config.file}: {error.strerror or error}") from None
    if config.minari is not None:
        write_episodes(config.minari, episodes, env.observation_space, env.action_space)
    return now


def check_minari(config: LogConfig, env: VecEnv) -> None:
    """Raises UserError if a data set of Minari is asked for and can't be made."""
    if config.minari is None:
        return
    check_new(config.minari)
    if not isinstance(env.observation_space, spaces.Box):
        raise UserError(f"--minari takes observations that are arrays (Box), those of {config.env} are others")


def actor(config: LogConfig, env: VecEnv, streams: Streams) -> Callable[[Any], np.ndarray]:
    """What gives actions for observations, shape (n_envs, ...).

    Raises:
        UserError: If the policy is of another environment.
    """
    if config.policy is None:
        env.action_space.seed(streams.integer(EXPLORATION))
        return lambda obs: np.stack([env.action_space.sample() for _ in range(config.n_envs)])
    model, task = load(RunFolder.open(config.policy), LAST, config.chip)
    close(model)
    for name in ("env", "distractors"):
        if getattr(task, name) != getattr(config, name):
            raise UserError(
                f"the policy of {config.policy} was trained with {name} {getattr(task, name)}, but "
                f"{getattr(config, name)} is asked for"
            )
    model.policy.streams.restart(config.seed)
    reader = Reader(model.policy, Read.NOISY)
    return lambda obs: reader.predict(obs)[0]


def collect(
    env: VecEnv, act: Callable[[Any], np.ndarray], config: LogConfig
) -> tuple[np.ndarray, np.ndarray, list[LoggedEpisode]]:
    """Observations, as `log` returns them, those of the next step of the same episodes, and with --minari episodes."""
    pairs = []
    with of_environment("when it began"):
        obs = env.reset()
    record = EpisodeLog(np.asarray(obs)) if config.minari is not None else None
    flat = _flat(obs, env, 0)
    steps = range(0, config.timesteps, config.n_envs)
    for step in tqdm(steps, unit_scale=config.n_envs, unit="step", disable=not config.progress, dynamic_ncols=True):
        actions = act(obs)
        with of_environment(f"after step {step}"):
            obs, rewards, dones, infos = env.step(actions)
        if record is not None:
            record.add(actions, np.asarray(obs), rewards, dones, infos)
        before, flat = flat, _flat(obs, env, step + config.n_envs)
        pairs.append((before[~dones], flat[~dones]))
    now, later = (np.concatenate(part) for part in zip(*pairs, strict=True))
    return now, later, record.episodes if record is not None else []


def _flat(obs: Any, env: VecEnv, step: int) -> np.ndarray:
    space = env.observation_space
    return as_picture(as_matrix(obs, space, Origin(step)), space).numpy()
