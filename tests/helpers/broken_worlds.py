"""Environments that show a number that is none."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
from gymnasium import spaces


class Broken(gym.Env):
    """Random numbers; after ``at`` steps of its life one of an observation, or the reward, is ``value``."""

    def __init__(self, at=None, value=np.nan, where="observation", render_mode=None):
        self.observation_space = spaces.Box(-np.inf, np.inf, (3,), np.float64)
        self.action_space = spaces.Discrete(2)
        self.at, self.value, self.where, self.life = at, value, where, 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return self.np_random.normal(size=3), {}

    def step(self, action):
        self.life, self.steps = self.life + 1, self.steps + 1
        obs, reward = self.np_random.normal(size=3), float(self.np_random.normal())
        if self.life == self.at:
            if self.where == "observation":
                obs[1] = self.value
            else:
                reward = self.value
        return obs, reward, self.steps == 7, False, {}


def register(name, **settings):
    """Registers one of them under a name of tests."""
    if name not in gym.registry:
        gym.register(name, lambda **given: Broken(**settings | given))
