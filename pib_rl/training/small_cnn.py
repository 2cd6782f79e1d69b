"""A network for images of a few pixels, for software baselines."""

from __future__ import annotations

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import Tensor, nn

from pib_rl.agents.observations import image_layout


class SmallCnn(BaseFeaturesExtractor):
    """16 kernels of 3 x 3 pixels, then 128 units, both with ReLU.

    The network that Stable-Baselines3 takes for images needs 36 x 36 pixels or more. Channels may come first or last,
    and frames may be stacked, see `image_layout`.

    Source: Young and Tian, MinAtar, arXiv 1903.03176, section 3, where it is the network of all agents.

    Args:
        observation_space: Images.
        features_dim: Number of units.
        kernels: Number of kernels.

    Raises:
        ValueError: If observations are no images.
    """

    def __init__(self, observation_space: spaces.Box, features_dim: int = 128, kernels: int = 16) -> None:
        super().__init__(observation_space, features_dim)
        layout = image_layout(observation_space)
        if layout is None:
            raise ValueError(f"SmallCnn looks at images, a Box of 2 to 4 axes, got observations {observation_space}")
        grid, places = layout.grid, layout.order(observation_space.shape)
        order = np.arange(grid.features) if places is None else places
        self.order = nn.Buffer(torch.from_numpy(order), persistent=False)
        self.grid = grid
        pixels = (grid.height - 2) * (grid.width - 2)
        self.layers = nn.Sequential(
            nn.Conv2d(grid.channels, kernels, 3),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(kernels * pixels, features_dim),
            nn.ReLU(),
        )

    def forward(self, observations: Tensor) -> Tensor:
        """Features, shape (n, features_dim), of observations, batched."""
        pixels = observations.flatten(1)[:, self.order].view(-1, *self.grid)
        features: Tensor = self.layers(pixels.permute(0, 3, 1, 2))
        return features
