"""Environments of any spaces, for tests."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
from gymnasium import spaces


class World(gym.Env[Any, Any]):
    """Draws observations from any space; episodes last five steps."""

    def __init__(self, observation_space: spaces.Space, action_space: spaces.Space, backwards: bool = False) -> None:
        self.observation_space, self.action_space, self.backwards = observation_space, action_space, backwards

    def _observe(self) -> Any:
        obs = self.observation_space.sample()
        return dict(reversed(obs.items())) if self.backwards else obs

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.at = 0
        self.observation_space.seed(int(self.np_random.integers(2**31)))
        return self._observe(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        assert self.action_space.contains(action), action
        self.at += 1
        return self._observe(), 1.0, False, self.at >= 5, {}
