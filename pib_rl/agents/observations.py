"""Observations of any supported space as one float matrix."""

from __future__ import annotations

from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.preprocessing import is_image_space, is_image_space_channels_first, preprocess_obs
from stable_baselines3.common.type_aliases import PyTorchObs
from stable_baselines3.common.vec_env import VecTransposeImage
from torch import Tensor


def check_observation_space(space: spaces.Space[Any]) -> None:
    """Raises ValueError unless observations can be flattened to one vector."""
    kinds = (spaces.Box, spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary)
    parts = list(space.spaces.values()) if isinstance(space, spaces.Dict) else [space]
    for part in parts:
        if not isinstance(part, kinds):
            raise ValueError("observation space must be Box, Discrete, MultiDiscrete, MultiBinary or a flat Dict of "
                             f"these, got {type(part).__name__}; wrap it with gymnasium.wrappers.FlattenObservation")


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
