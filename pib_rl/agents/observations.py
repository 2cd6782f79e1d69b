"""Observations of any supported space as one float matrix."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.preprocessing import is_image_space, is_image_space_channels_first, preprocess_obs
from stable_baselines3.common.type_aliases import PyTorchObs
from stable_baselines3.common.utils import obs_as_tensor
from stable_baselines3.common.vec_env import VecTransposeImage
from torch import Tensor

from pib_rl.agents.patches import Grid
from pib_rl.common.finite import Origin, check_finite

KINDS = (spaces.Box, spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary)


class UnsupportedSpaceError(ValueError, NotImplementedError):
    """An observation space that can't be flattened; Stable-Baselines3 raises the second of these errors."""


def check_observation_space(space: spaces.Space[Any]) -> None:
    """Raises UnsupportedSpaceError unless observations can be flattened to one vector; the message says what to use."""
    for part in parts_of(space).values():
        if not isinstance(part, KINDS):
            cure = (
                "an observation must have a fixed number of numbers: wrap the environment so that it gives a Box"
                if isinstance(part, (spaces.Sequence, spaces.Graph))
                else "wrap it with gymnasium.wrappers.FlattenObservation"
            )
            raise UnsupportedSpaceError(
                "observation space must be Box, Discrete, MultiDiscrete, MultiBinary or a flat Dict of "
                f"these, got {type(part).__name__}; {cure}"
            )


def parts_of(space: spaces.Space[Any]) -> dict[Any, spaces.Space[Any]]:
    """The spaces of a Dict by their names; any other space by itself, without a name."""
    return dict(space.spaces) if isinstance(space, spaces.Dict) else {None: space}


def as_learned(space: spaces.Space[Any]) -> spaces.Space[Any]:
    """The observation space as Stable-Baselines3 hands it to an agent: images with their channels first."""
    if isinstance(space, spaces.Dict):
        return spaces.Dict({name: as_learned(part) for name, part in space.items()})
    if isinstance(space, spaces.Box) and is_image_space(space) and not is_image_space_channels_first(space):
        return VecTransposeImage.transpose_space(space)
    return space


class ImageLayout(NamedTuple):
    """How an observation lies on the image that patch units look at.

    Args:
        grid: The image. Its channels are those of the observation, times the frames of a stack.
        axes: The axes of the observation in the order of `Grid`: rows, columns, then what becomes channels.
    """

    grid: Grid
    axes: tuple[int, ...]

    def order(self, shape: tuple[int, ...]) -> np.ndarray | None:
        """Where each feature of `Grid` stands in a flat observation, shape (features,); None if they agree."""
        places = np.arange(self.grid.features).reshape(shape).transpose(self.axes).ravel()
        return None if (places[1:] > places[:-1]).all() else places


def image_layout(space: spaces.Space[Any]) -> ImageLayout | None:
    """How observations of a space are images; None where they are none.

    A Box of 2 to 4 axes is an image: rows and columns; with 3 axes, channels come first or last; with 4, frames come
    before that. Of images as Stable-Baselines3 defines them (uint8, 0..255), the smallest axis holds the channels, as
    it has it. Of others, the channels are on that of the first and last axis which differs from the two others, or
    else on the smaller one, or else on the last.
    """
    if not isinstance(space, spaces.Box) or not 2 <= len(space.shape) <= 4:
        return None
    frames = tuple(range(len(space.shape) - 3))
    shape = space.shape[len(frames) :]
    if len(shape) == 2:
        axes: tuple[int, ...] = (0, 1)
    elif is_image_space_channels_first(space) if is_image_space(space) else _channels_first(*shape):
        axes = (1, 2, 0)
    else:
        axes = (0, 1, 2)
    axes = (*(axis + len(frames) for axis in axes[:2]), *frames, *(axis + len(frames) for axis in axes[2:]))
    height, width = (space.shape[axis] for axis in axes[:2])
    return ImageLayout(Grid(height, width, math.prod(space.shape) // (height * width)), axes)


def _channels_first(first: int, middle: int, last: int) -> bool:
    """Whether the first of three axes holds channels, see `image_layout`."""
    if (first == middle) != (middle == last):
        return middle == last
    return first < last


def precision(space: spaces.Space[Any]) -> torch.dtype:
    """Type in which observations of a space are kept: 64 bits where 32 would round its numbers, as a large offset."""
    kinds = [part.dtype for part in parts_of(space).values() if isinstance(part, spaces.Box)]
    return torch.float64 if any(not np.can_cast(kind, np.float32) for kind in kinds) else torch.float32


def flatten(
    obs: PyTorchObs, space: spaces.Space[Any], normalize_images: bool = True, origin: Origin | None = None
) -> Tensor:
    """Observations, shape (n, features): one-hot where they are discrete, images 0..1 unless told otherwise.

    They have 32 bits, or 64 where that many are needed, see `precision`.

    Args:
        obs: A batch of n observations, or of each part of a Dict.
        space: Their space.
        normalize_images: Whether images are divided by 255.
        origin: Which environments they came from, and when, for the message.

    Raises:
        ValueError: If a number is not finite, or a discrete one is none of its space; the message says where.
    """
    columns = []
    for name, part in parts_of(space).items():
        values: Any = obs if name is None else obs[name]
        check_finite(values, "observation" if name is None else f"{name!r} observation", origin)
        columns.append(_columns(values, part, normalize_images))
    return columns[0] if len(columns) == 1 else torch.cat(columns, 1)


def _columns(obs: Tensor, space: spaces.Space[Any], normalize_images: bool) -> Tensor:
    """The same of a space that is no Dict, without checks."""
    if isinstance(space, spaces.Discrete):
        return _one_hot(obs.reshape(len(obs), -1), np.array([space.start]), np.array([space.n]), space)
    if isinstance(space, spaces.MultiDiscrete):
        return _one_hot(obs.flatten(1), space.start.ravel(), space.nvec.ravel(), space)
    if precision(space) is torch.float64:
        return obs.double().reshape(len(obs), -1)
    ready = preprocess_obs(obs, space, normalize_images=normalize_images)
    assert isinstance(ready, Tensor)
    return ready.float().reshape(len(obs), -1)


def _one_hot(values: Tensor, start: np.ndarray, sizes: np.ndarray, space: spaces.Space[Any]) -> Tensor:
    """Whole numbers, shape (n, d), each counted from its ``start``, as one-hot codes side by side."""
    first, count = (torch.as_tensor(part.astype(np.int64), device=values.device) for part in (start, sizes))
    counted = values.long() - first
    wrong = (counted < 0) | (counted >= count)
    if wrong.any():
        raise ValueError(f"the observation holds {int(values[wrong][0])}, which {space} has not; correct its space")
    codes = torch.zeros(len(values), int(sizes.sum()), device=values.device, dtype=torch.float32)
    return codes.scatter_(1, counted + count.cumsum(0) - count, 1.0)


def check_vectors(space: spaces.Space[Any]) -> None:
    """Raises ValueError unless observations of that space can be flattened and are no images."""
    check_observation_space(space)
    if is_image_space(space):
        raise ValueError(
            f"observations must be vectors, got images {space}; wrap the environment with "
            "gymnasium.wrappers.FlattenObservation"
        )


def as_matrix(obs: Any, space: spaces.Space[Any], origin: Origin | None = None) -> Tensor:
    """Observations, batched, as the network takes them, shape (n, features); ``origin`` and errors as of `flatten`."""
    ready = obs if isinstance(obs, dict) else np.asarray(obs)
    return flatten(obs_as_tensor(ready, torch.device("cpu")), space, origin=origin)


def as_picture(flat: Tensor, space: spaces.Space[Any]) -> Tensor:
    """Flat observations as images, shape (n, height, width, channels), where the space has 3 axes or 4; else as is."""
    layout = image_layout(space)
    if layout is None or len(layout.axes) < 3:
        return flat
    order = layout.order(space.shape or ())
    return (flat if order is None else flat[:, order]).reshape(-1, *layout.grid)


def batched(obs: Any) -> Any:
    """One observation as a batch of one."""
    if isinstance(obs, dict):
        return {name: np.asarray(part)[None] for name, part in obs.items()}
    return np.asarray(obs)[None]
