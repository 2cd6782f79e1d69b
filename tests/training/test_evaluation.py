"""Greedy returns: whose they are, that they are true, and that finished environments cost nothing."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor, VecNormalize

from pib_rl.envs.make import make_vec_env
from pib_rl.training import evaluation
from pib_rl.training.evaluation import greedy_returns


class Countdown(gym.Env):
    """Ends after so many steps; a reward of its number at each, and of 1000 more from its second episode on."""

    observation_space = spaces.Box(-np.inf, np.inf, (1,))
    action_space = spaces.Discrete(2)

    def __init__(self, number: int, length: int) -> None:
        self.number, self.length = number, length
        self.episode, self.steps = -1, 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.episode, self.left = self.episode + 1, self.length
        return np.full(1, self.left, np.float32), {}

    def step(self, action):
        self.steps, self.left = self.steps + 1, self.left - 1
        reward = self.number + 1000 * self.episode
        return np.full(1, self.left, np.float32), reward, self.left == 0, False, {}


class Zero:
    """A player that always does the same; keeps what it saw."""

    def __init__(self) -> None:
        self.seen = []

    def predict(self, obs, state=None, episode_start=None, deterministic=False):
        assert deterministic
        self.seen.append(np.array(obs))
        return np.zeros(len(obs), dtype=int), state


class Rule:
    """A fair CartPole player: pushes where the pole falls; a random one among four."""

    def predict(self, obs, state=None, episode_start=None, deterministic=False):
        return (obs[:, 2] + 0.3 * obs[:, 3] + 0.4 * np.sin(1e3 * obs[:, 0]) > 0).astype(int), state


@pytest.fixture
def made():
    return []


@pytest.fixture
def countdowns(made):
    """Makes environments of which later ones end earlier."""

    def make(count):
        made[:] = [Countdown(number + 1, count - number) for number in range(count)]
        return DummyVecEnv([lambda env=env: Monitor(env) for env in made])

    return make


def test_returns_stand_in_the_order_of_the_environments(countdowns):
    returns = greedy_returns(Zero(), countdowns, 4)
    assert returns.tolist() == [[1 * 4, 2 * 3, 3 * 2, 4 * 1]]


def test_it_stops_with_the_last_episode_and_the_others_stand_still(countdowns, made):
    player = Zero()
    greedy_returns(player, countdowns, 4)
    assert len(player.seen) == 4
    assert [env.steps for env in made] == [4, 3, 2, 1]


def test_more_episodes_than_environments_are_shared_out(countdowns, made, monkeypatch):
    monkeypatch.setattr(evaluation, "AT_ONCE", 2)
    returns = greedy_returns(Zero(), countdowns, 5)
    first, second = [2, 2 * 1001], [2, 1002, 2002]
    assert returns.tolist() == [[*first, *second]]
    assert [env.steps for env in made] == [4, 3]


def test_the_first_environments_are_those_of_the_first_chip_of_a_wafer(countdowns, monkeypatch):
    assert greedy_returns(Zero(), countdowns, 2, chips=2).tolist() == [[1 * 4, 2 * 3], [3 * 2, 4 * 1]]
    monkeypatch.setattr(evaluation, "WAFER_AT_ONCE", 4)
    assert greedy_returns(Zero(), countdowns, 3, chips=2).tolist() == [[4, 2 * 3, 1002 * 3], [3 * 2, 4, 1004]]


def test_with_few_steps_whole_rounds_are_played(countdowns, made, monkeypatch):
    """Rounds of 2 environments; one takes 2 steps and 1, so that 4 steps are over in the second round."""
    monkeypatch.setattr(evaluation, "ROUND", 2)
    for steps, episodes in ((1, 2), (3, 2), (4, 4), (6, 4), (7, 6)):
        returns = greedy_returns(Zero(), countdowns, 100, limit=5, steps=steps)
        assert returns.shape == (1, episodes)
        assert sum(env.steps for env in made) == 3 * episodes // 2, "one that waits for the other stands still"
    assert greedy_returns(Zero(), countdowns, 3, limit=5, steps=14).shape == (1, 3), "the last round may be smaller"


def test_rounds_are_of_other_episodes(countdowns, monkeypatch):
    monkeypatch.setattr(evaluation, "ROUND", 2)
    (returns,) = greedy_returns(Zero(), countdowns, 100, limit=5, steps=4)
    assert returns[[0, 2]].tolist() == [2, 2]
    assert returns[1] > 1000 * 2, "the second round is another episode"


def test_steps_count_for_each_chip(countdowns, monkeypatch):
    monkeypatch.setattr(evaluation, "ROUND", 2)
    assert greedy_returns(Zero(), countdowns, 100, chips=2, limit=5, steps=5).shape == (2, 2)
    assert greedy_returns(Zero(), countdowns, 100, chips=2, limit=5, steps=6).shape == (2, 4)


def test_enough_steps_change_nothing(monkeypatch):
    """As few episodes as a round has, or all of them shorter than the limit of steps, are played side by side."""

    def make(count):
        return make_vec_env("CartPole-v1", count, 3)

    plain = greedy_returns(Rule(), make, 12, limit=500)
    assert greedy_returns(Rule(), make, 12, limit=500, steps=12 * 500).tolist() == plain.tolist()
    few = greedy_returns(Rule(), make, 5, limit=500)
    assert greedy_returns(Rule(), make, 5, limit=500, steps=1).tolist() == few.tolist()
    assert greedy_returns(Rule(), make, 12, limit=500, steps=1).shape == (1, 10)


def test_returns_are_those_below_wrappers(countdowns):
    def make(count):
        return VecNormalize(countdowns(count), norm_obs=False, norm_reward=True, clip_reward=0.1, training=True)

    assert greedy_returns(Zero(), make, 3).tolist() == [[3, 4, 3]]


def test_an_environment_without_a_monitor_is_summed_up():
    def make(count):
        return DummyVecEnv([lambda number=number: Countdown(number + 1, count - number) for number in range(count)])

    assert greedy_returns(Zero(), make, 3).tolist() == [[3, 4, 3]]


def test_the_end_of_a_life_is_no_end_of_an_episode():
    class Lives(gym.Wrapper):
        def step(self, action):
            obs, reward, done, cut, info = self.env.step(action)
            return obs, reward, done or self.env.unwrapped.left == 2, cut, info

        def reset(self, **kwargs):
            return self.env.reset(**kwargs) if self.unwrapped.left == 0 else (np.full(1, 2, np.float32), {})

    def make(count):
        envs = [Monitor(Countdown(1, 4)) for _ in range(count)]
        for env in envs:
            env.unwrapped.left = 0
        return DummyVecEnv([lambda env=env: Lives(env) for env in envs])

    assert greedy_returns(Zero(), make, 2).tolist() == [[4, 4]]


@pytest.mark.parametrize("env_id", ["CartPole-v1", "Acrobot-v1"])
@pytest.mark.parametrize("episodes", [6, 9])
def test_returns_are_those_that_stable_baselines3_finds(env_id, episodes, monkeypatch):
    monkeypatch.setattr(evaluation, "AT_ONCE", 6)
    player = Rule() if env_id == "CartPole-v1" else Zero()
    env = make_vec_env(env_id, 6, seed=3)
    wanted, _ = evaluate_policy(player, env, episodes, return_episode_rewards=True, warn=False)
    returns = greedy_returns(player, lambda count: make_vec_env(env_id, count, seed=3), episodes)
    assert returns.shape == (1, episodes)
    assert sorted(returns[0]) == sorted(wanted)


def test_vectorised_environments_are_monitored_too():
    env = make_vec_env("CartPole-v1", 2, seed=0)
    assert isinstance(env, VecMonitor)
    assert (greedy_returns(Zero(), lambda count: env, 2) < 12).all()


def test_environments_are_closed_after_a_failure(countdowns, monkeypatch):
    closed = []
    monkeypatch.setattr(DummyVecEnv, "close", lambda self: closed.append(self))

    class Lost(Zero):
        def predict(self, *given, **more):
            raise RuntimeError("lost")

    with pytest.raises(RuntimeError, match="lost"):
        greedy_returns(Lost(), countdowns, 2)
    assert len(closed) == 1
