"""An environment that fails on request."""

from __future__ import annotations

import os
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
from gymnasium import spaces

NAME = "Failing-v0"


class Failing(gym.Env[Any, Any]):
    """Random numbers, episodes of 20 steps; fails in what ``fails`` names, at a step or from an episode on.

    Attributes:
        fails: "reset", "step", "render", "close", "exit" (its process ends in a step), or nothing.
        at: Step of an episode, for "step" and "exit".
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 30}
    fails: ClassVar[str] = ""
    at: ClassVar[int] = 7

    def __init__(self, render_mode: str | None = None, fails: str | None = None) -> None:
        self.observation_space, self.action_space = spaces.Box(-1, 1, (3,)), spaces.Discrete(2)
        self.render_mode, self.own = render_mode, fails

    def _check(self, what: str) -> None:
        if what == (self.fails if self.own is None else self.own):
            if what == "exit":
                os._exit(3)
            raise RuntimeError("the arm\nis stuck")

    def _observe(self) -> np.ndarray:
        return self.np_random.uniform(-1, 1, 3).astype(np.float32)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self._check("reset")
        self.count = 0
        return self._observe(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.count += 1
        if self.count >= self.at:
            self._check("step")
            self._check("exit")
        return self._observe(), 1.0, False, self.count >= 20, {}

    def render(self) -> Any:
        self._check("render")
        return np.zeros((8, 8, 3), np.uint8)

    def close(self) -> None:
        self._check("close")
