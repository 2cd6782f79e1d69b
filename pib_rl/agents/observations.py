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

from pib_rl.agents.images import Grid
from pib_rl.common.finite import Origin, check_finite


def check_observation_space(space: spaces.Space[Any]) -> None:
    """Raises ValueError unless observations can be flattened to one vector; discrete ones count from 0."""
    kinds = (spaces.Box, spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary)
    parts = list(space.spaces.values()) if isinstance(space, spaces.Dict) else [space]
    for part in parts:
        if not isinstance(part, kinds):
            raise ValueError(
                "observation space must be Box, Discrete, MultiDiscrete, MultiBinary or a flat Dict of "
                f"these, got {type(part).__name__}; wrap it with gymnasium.wrappers.FlattenObservation"
            )
        if isinstance(part, spaces.Discrete) and part.start != 0:
            raise ValueError(
                f"discrete observations must be numbered from 0, got {part}; wrap the environment with "
                "gymnasium.wrappers.FlattenObservation"
            )


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
    if isinstance(space, spaces.Dict):
        kinds = {precision(part) for part in space.values()}
        return torch.float64 if torch.float64 in kinds else torch.float32
    wide = isinstance(space, spaces.Box) and not np.can_cast(space.dtype, np.float32)
    return torch.float64 if wide else torch.float32


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
        ValueError: If a number is not finite; the message says where.
    """
    if isinstance(space, spaces.Dict):
        assert isinstance(obs, dict)
        parts = space.spaces.items()
        return torch.cat([_flat_part(obs[key], part, normalize_images, origin, f"{key!r} ") for key, part in parts], 1)
    assert isinstance(obs, Tensor)
    return _flat_part(obs, space, normalize_images, origin)


def _flat_part(
    obs: Tensor, space: spaces.Space[Any], normalize_images: bool, origin: Origin | None, name: str = ""
) -> Tensor:
    if isinstance(space, spaces.Box):
        check_finite(obs, f"{name}observation", origin)
    if precision(space) is torch.float64:
        ready: Any = obs.double()
    else:
        ready = preprocess_obs(obs, space, normalize_images=normalize_images)
    flat: Tensor = ready.flatten(1)
    return flat if flat.is_floating_point() else flat.float()


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
