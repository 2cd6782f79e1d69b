"""Data sets of Minari: logged episodes that others made, or that were logged here. Nothing is fetched."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces

from pib_rl.agents.observations import as_matrix, as_picture, check_observation_space
from pib_rl.cli.cli import UserError, mistakes


@dataclass
class LoggedEpisode:
    """One episode; observations are one more than all others."""

    observations: list[np.ndarray]
    actions: list[np.ndarray] = field(default_factory=list)
    rewards: list[float] = field(default_factory=list)
    terminated: bool = False


class EpisodeLog:
    """Takes down the episodes of a `VecEnv` as they are played."""

    def __init__(self, observations: np.ndarray) -> None:
        self._open = [LoggedEpisode([one.copy()]) for one in observations]
        self._done: list[LoggedEpisode] = []

    @property
    def episodes(self) -> list[LoggedEpisode]:
        """All of them, those that are not over last."""
        return self._done + self._open

    def add(
        self,
        actions: np.ndarray,
        observations: np.ndarray,
        rewards: np.ndarray,
        dones: np.ndarray,
        infos: Sequence[dict[str, Any]],
    ) -> None:
        """One step of all environments, as `VecEnv.step` gives it."""
        for at, (episode, info) in enumerate(zip(self._open, infos, strict=True)):
            last = info["terminal_observation"] if dones[at] else observations[at]
            episode.observations.append(np.array(last))
            episode.actions.append(np.array(actions[at]))
            episode.rewards.append(float(rewards[at]))
            if dones[at]:
                episode.terminated = not info.get("TimeLimit.truncated", False)
                self._done.append(episode)
                self._open[at] = LoggedEpisode([observations[at].copy()])


def read_pairs(name: str) -> tuple[np.ndarray, np.ndarray]:
    """All observations of a local data set and those of the next step of the same episodes, shape (n, ...) each.

    Raises:
        UserError: If Minari is not installed, the data set is not here, or agents can't take its observations.
    """
    _imported()
    folder = _root() / name
    if not (folder / "data").exists():
        raise UserError(
            f"there is no Minari data set {name!r} on this machine (in {_root()}); minari download {name} fetches it, "
            f"if Minari offers it; here: {', '.join(_here()) or 'none'}"
        )
    try:
        now, later = _pairs(name)
    except (UserError, MemoryError):
        raise
    except Exception as error:  # Minari asserts, and its files are read by several packages
        said = f"{type(error).__name__}: {error}".removesuffix(": ")
        raise UserError(
            f"the Minari data set {name!r} can't be read ({said}); if it is damaged, delete {folder} and download or "
            "log it again"
        ) from error
    if sum(map(len, now)) < 2:
        raise UserError(f"the Minari data set {name!r} holds fewer than two steps; give one that holds more")
    return np.concatenate(now), np.concatenate(later)


def _pairs(name: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """As `read_pairs`, by episode."""
    data = _imported().load_dataset(name)
    space = data.observation_space
    with mistakes():
        check_observation_space(space)
    now, later = [], []
    for episode in data.iterate_episodes():
        flat = as_picture(as_matrix(episode.observations, space), space).numpy()
        now.append(flat[:-1])
        later.append(flat[1:])
    return now, later


def _root() -> Path:
    """Minari's folder. Minari itself makes it wherever it asks for it."""
    named = os.environ.get("MINARI_DATASETS_PATH")
    return Path.home() / ".minari" / "datasets" if named is None else Path(named)


def _here() -> list[str]:
    """Names of the data sets on this machine, without those that can't be read."""
    if not _root().is_dir():
        return []
    with warnings.catch_warnings(), suppress(OSError, ValueError):
        warnings.simplefilter("ignore")  # it tells of damaged ones
        return list(_imported().list_local_datasets())
    return []


def check_new(name: str) -> None:
    """Raises UserError if a data set can't be written, or one of that name is there."""
    _imported()
    from minari.dataset.minari_dataset import parse_dataset_id

    try:
        parse_dataset_id(name)
    except (ValueError, TypeError):
        raise UserError(
            "--minari must be NAMESPACE/NAME-vNUMBER or NAME-vNUMBER, such as cartpole/random-v0, of letters, digits, "
            f"- and _, the namespace of two or more, got {name!r}"
        ) from None
    if name in _here() or (_root() / name).exists():
        raise UserError(f"a Minari data set {name!r} exists; choose another name or version")


def write_episodes(
    name: str, episodes: Sequence[LoggedEpisode], observations: spaces.Space[Any], actions: spaces.Space[Any]
) -> None:
    """Writes a data set into Minari's folder; episodes without a step are left out.

    Raises:
        UserError: If it can't be written.
    """
    minari = _imported()
    from minari.data_collector import EpisodeBuffer

    whole = [one for one in episodes if one.actions]
    buffers = [
        EpisodeBuffer(
            id=number,
            observations=list(one.observations),
            actions=list(one.actions),
            rewards=list(one.rewards),
            terminations=[False] * (len(one.actions) - 1) + [one.terminated],
            truncations=[False] * (len(one.actions) - 1) + [not one.terminated],
        )
        for number, one in enumerate(whole)
    ]
    with mistakes(OSError), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it recommends authors and links
        minari.create_dataset_from_buffers(
            name,
            buffers,
            observation_space=observations,
            action_space=actions,
            algorithm_name="pib_rl log",
            description="Logged by pib-rl log.",
        )


def _imported() -> Any:
    try:
        import h5py  # noqa: F401  # Minari's files
        import minari
    except ImportError:
        raise UserError("data sets of Minari need packages: pip install 'pib-rl[minari]'") from None
    return minari
