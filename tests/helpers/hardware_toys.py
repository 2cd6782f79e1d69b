"""Trajectories of environments with hardware inside, and what checkers warn of in tasks themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
import yaml

from pib_rl.agents.policy import PIBPolicy
from pib_rl.agents.saved_settings import BEST, CONFIG, LAST, policy_arguments
from pib_rl.common.stored import pack
from pib_rl.envs import make_env

TASKS = ["CartPole-v1", "Pendulum-v1", "LunarLander-v3"]

EXPECTED = [  # said of wrapped environments, of CartPole's bounds, and of Pendulum's actions
    "ignore:.*different from the unwrapped version:UserWarning",
    "ignore:.*observation space (min|max)imum value:UserWarning",
    "ignore:.*symmetric and normalized:UserWarning",
]


def quiet(test):
    """Leaves out the warnings that are expected."""
    for words in EXPECTED:
        test = pytest.mark.filterwarnings(words)(test)
    return test


def trace(env: gym.Env, seed: int, actions: list, options: dict | None = None) -> list:
    """Observations, rewards and infos of one seeded episode."""
    obs, info = env.reset(seed=seed, options=options)
    seen = [(obs, 0.0, info)]
    for action in actions:
        obs, reward, terminated, truncated, info = env.step(action)
        seen.append((obs, reward, info))
        if terminated or truncated:
            break
    return seen


def same(one: list, other: list) -> bool:
    """Whether two trajectories are equal to the last bit, infos included."""
    return len(one) == len(other) and all(
        np.array_equal(a[0], b[0])
        and a[1] == b[1]
        and a[2].keys() == b[2].keys()
        and all(np.array_equal(a[2][name], b[2][name]) for name in a[2])
        for a, b in zip(one, other, strict=True)
    )


def write_run(path: Path, task: str = "CartPole-v1", **changes: Any) -> PIBPolicy:
    """A run folder as `python -m pib_rl.train` leaves one; its last policy. The best one has another readout."""
    settings = {
        "env": task,
        "hw": "memristive",
        "hw_options": {},
        "width": 4,
        "units": 2,
        "seed": 3,
        "learner": "pib",
        "distractors": 0,
        **changes,
    }
    env = make_env(task, settings["distractors"])
    policy = PIBPolicy(env.observation_space, env.action_space, **policy_arguments(settings, path))
    (path / CONFIG).write_text(yaml.safe_dump(settings))
    for name in (BEST, LAST):
        weights = policy.model.readout.array.weights()
        policy.model.readout.array.program(
            torch.randn(weights.shape, generator=torch.Generator().manual_seed(len(name)))
        )
        (path / name).write_bytes(pack(policy.state_dict(), "policy"))
    return policy
