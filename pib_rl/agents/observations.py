"""Observations of any supported space as one float matrix."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.preprocessing import is_image_space, is_image_space_channels_first, preprocess_obs
from stable_baselines3.common.type_aliases import PyTorchObs
from stable_baselines3.common.utils import obs_as_tensor
from stable_baselines3.common.vec_env import VecTransposeImage
from torch import Tensor


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


def flatten(obs: PyTorchObs, space: spaces.Space[Any], normalize_images: bool = True) -> Tensor:
    """Observations, shape (n, features): one-hot where they are discrete, images 0..1 unless told otherwise."""
    ready = preprocess_obs(obs, space, normalize_images=normalize_images)
    if isinstance(ready, dict):
        assert isinstance(space, spaces.Dict)
        return torch.cat([ready[key].flatten(1).float() for key in space.spaces], 1)
    return ready.flatten(1)


def check_vectors(space: spaces.Space[Any]) -> None:
    """Raises ValueError unless observations of that space can be flattened and are no images."""
    check_observation_space(space)
    if is_image_space(space):
        raise ValueError(
            f"observations must be vectors, got images {space}; wrap the environment with "
            "gymnasium.wrappers.FlattenObservation"
        )


def as_matrix(obs: Any, space: spaces.Space[Any]) -> Tensor:
    """Observations, batched, as the network takes them, shape (n, features)."""
    ready = obs if isinstance(obs, dict) else np.asarray(obs)
    return flatten(obs_as_tensor(ready, torch.device("cpu")), space)


def batched(obs: Any) -> Any:
    """One observation as a batch of one."""
    if isinstance(obs, dict):
        return {name: np.asarray(part)[None] for name, part in obs.items()}
    return np.asarray(obs)[None]
