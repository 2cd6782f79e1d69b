"""Tasks that never end: evaluations have a limit of steps, and say that it was reached."""

from __future__ import annotations

import json

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv

from pib_rl import train
from pib_rl.envs import make
from pib_rl.training import evaluation
from pib_rl.training.evaluation import greedy_returns

pytestmark = pytest.mark.usefixtures("few_steps")


class Endless(gym.Env):
    """Never ends, but for one that is told when; a reward of 1 at each step."""

    observation_space, action_space = spaces.Box(-1, 1, (1,)), spaces.Discrete(2)

    def __init__(self, end: int = 0) -> None:
        self.end = end

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.at = 0
        return self.np_random.uniform(-1, 1, 1).astype(np.float32), {}

    def step(self, action):
        self.at += 1
        return self.np_random.uniform(-1, 1, 1).astype(np.float32), 1.0, self.at == self.end, False, {}


class Zero:
    def predict(self, obs, state=None, episode_start=None, deterministic=False):
        return np.zeros(len(obs), dtype=int), state


def venv(*ends, monitored=True):
    """Makes environments that end after so many steps, in turn."""

    def one(end):
        return lambda: (Monitor if monitored else gym.Wrapper)(Endless(end))

    return lambda count: DummyVecEnv([one(ends[index % len(ends)]) for index in range(count)])


@pytest.mark.parametrize("monitored", [True, False])
def test_an_episode_without_an_end_counts_with_its_return_so_far(monitored, monkeypatch):
    monkeypatch.setattr(evaluation, "LONGEST", 30)
    said = []
    returns = greedy_returns(Zero(), venv(0, 7, monitored=monitored), 4, tell=said.append)
    assert returns.tolist() == [[30, 7, 30, 7]]
    (sentence,) = said
    assert sentence.startswith("2 of 4 episodes of an evaluation did not end within 30 steps")


def test_more_episodes_than_environments_end_too(monkeypatch):
    monkeypatch.setattr(evaluation, "LONGEST", 30)
    monkeypatch.setattr(evaluation, "AT_ONCE", 2)
    said = []
    assert greedy_returns(Zero(), venv(0, 7), 5, tell=said.append).tolist() == [[30, 30, 7, 7, 7]]
    assert said[0].startswith("2 of 5 ")


def test_the_limit_of_a_task_is_its_own(monkeypatch):
    monkeypatch.setattr(evaluation, "LONGEST", 5)
    said = []
    assert greedy_returns(Zero(), venv(20), 2, limit=20, tell=said.append).tolist() == [[20, 20]]
    assert said == []
    assert greedy_returns(Zero(), venv(0), 1, limit=12, tell=said.append).tolist() == [[12]]
    assert len(said) == 1


def test_an_episode_cut_by_the_limit_of_its_own_task_is_nothing_to_tell():
    def limited(count):
        return DummyVecEnv([lambda: Monitor(gym.wrappers.TimeLimit(Endless(), 9))] * count)

    said = []
    assert greedy_returns(Zero(), limited, 2, limit=9, tell=said.append).tolist() == [[9, 9]]
    assert greedy_returns(Zero(), limited, 2, tell=said.append).tolist() == [[9, 9]]
    assert said == []


@pytest.mark.parametrize("limit", [None, -1])
def test_a_run_on_an_endless_task_ends_and_says_so_once(limit, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(evaluation, "LONGEST", 40)
    monkeypatch.setattr(make, "LONGEST", 40)
    gym.register("Endless-v0", entry_point=Endless, max_episode_steps=limit)
    try:
        small = ["--timesteps", "400", "--n-steps", "25", "--width", "4", "--eval-episodes", "2", "--no-progress"]
        train.main(["Endless-v0", *small, "--out", str(tmp_path / "run")])
    finally:
        del gym.registry["Endless-v0"]
    said = capsys.readouterr().err
    assert said.count("2 of 2 episodes of an evaluation did not end within 40 steps") == 1
    assert json.loads((tmp_path / "run" / "result.json").read_text())["eval_mean"] == 40
