"""Every id of the package: accepted by Gymnasium and Stable-Baselines3, seeded, pickled, made again."""

from __future__ import annotations

import pickle

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as check_for_sb3
from stable_baselines3.common.vec_env import SubprocVecEnv

from pib_rl.envs import make_env, make_vec_env
from pib_rl.registration import IDS, register

SMALL = {"width": 8, "units": 1, "periods": 6}
CASES = [
    ("pib_rl/ChipKeeper-v0", SMALL),
    ("pib_rl/ChipKeeper-v0", {**SMALL, "hw": "optical"}),
    ("pib_rl/ContextBandit-v0", {}),
    ("pib_rl/ContextBandit-v0", {"data": "digits", "arms": 10}),
    ("pib_rl/ContextFlip-v0", {"switch": 0.2}),
    ("pib_rl/ContextFlip-v0", {"env_id": "Pendulum-v1"}),
    ("pib_rl/DelayedCue-v0", {"env_id": "Acrobot-v1", "steps": 2}),
    ("pib_rl/Distractors-v0", {"env_id": "MountainCar-v0", "count": 3}),
]
OWN = CASES[:4]
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def trace(env: gym.Env, seed: int) -> np.ndarray:
    """Observations and rewards of two episodes of at most 8 steps."""
    env.action_space.seed(0)
    found = []
    for again in (seed, None):
        obs, _ = env.reset(seed=again)
        found.append(np.append(obs, 0))
        for _ in range(8):
            obs, reward, terminated, truncated, _ = env.step(env.action_space.sample())
            found.append(np.append(obs, reward))
            if terminated or truncated:
                break
    return np.stack(found)


def test_every_id_is_tested():
    elsewhere = {"pib_rl/Hardware-v0", "pib_rl/Encoder-v0"}  # test_hardware_ids.py
    assert {name for name, _ in CASES} == set(IDS) - elsewhere
    register()


@pytest.mark.parametrize(("name", "settings"), CASES)
class TestEveryTask:
    def test_stable_baselines_accepts_it(self, name, settings):
        check_for_sb3(gym.make(name, **settings))

    def test_seeds_repeat_and_differ(self, name, settings):
        env = gym.make(name, **settings)
        first = trace(env, 3)
        np.testing.assert_array_equal(trace(env, 3), first)
        np.testing.assert_array_equal(trace(gym.make(name, **settings), 3), first)
        assert not np.array_equal(trace(env, 4)[0], first[0])

    def test_pickled_it_goes_on_as_it_would_have(self, name, settings):
        env = gym.make(name, **settings)
        env.reset(seed=1)
        twin = pickle.loads(pickle.dumps(env))
        for _ in range(4):
            action = env.action_space.sample()
            mine, other = env.step(action), twin.step(action)
            np.testing.assert_array_equal(mine[0], other[0])
            assert mine[1:4] == other[1:4]
            if mine[2]:
                break

    def test_the_specification_makes_it_again(self, name, settings):
        env = gym.make(name, **settings)
        again = gym.make(env.spec)
        assert again.observation_space == env.observation_space
        np.testing.assert_array_equal(trace(again, 2), trace(env, 2))

    def test_it_is_made_by_this_package_too(self, name, settings):
        assert make_env(name, **settings).observation_space == gym.make(name, **settings).observation_space
        venv = make_vec_env(name, 2, seed=0, **settings)
        assert venv.reset().shape == (2, *venv.observation_space.shape)
        assert make_vec_env(name, 2, distractors=2, **settings).reset().shape[1] == venv.observation_space.shape[0] + 2


@pytest.mark.parametrize(("name", "settings"), OWN)
def test_gymnasium_accepts_it_pictures_included(name, settings):
    env = gym.make(name, render_mode="rgb_array", **settings)
    check_env(env.unwrapped)
    check_for_sb3(env)


def test_it_runs_in_other_processes():
    makers = [lambda: gym.make("pib_rl/ContextBandit-v0"), lambda: gym.make("pib_rl/ContextBandit-v0", task_seed=1)]
    venv = SubprocVecEnv(makers, start_method="fork")
    try:
        assert venv.reset().shape == (2, 8)
        assert venv.step(np.zeros(2, dtype=int))[2].all()
    finally:
        venv.close()


@pytest.mark.parametrize("name", ["pib_rl/ContextFlip-v0", "pib_rl/DelayedCue-v0", "pib_rl/Distractors-v0"])
def test_arguments_reach_the_environment_inside(name):
    env = gym.make(name, env_id="Pendulum-v1", render_mode="rgb_array", g=3.0)
    assert env.unwrapped.g == 3.0
    assert env.render_mode == "rgb_array"
    with pytest.raises(ValueError, match=r"env_id must be .* got 'CartPol-v1'; did you mean CartPole"):
        gym.make(name, env_id="CartPol-v1")
    with pytest.raises(ValueError, match="env_id must be the id of an environment, such as CartPole-v1, got 3"):
        gym.make(name, env_id=3)
