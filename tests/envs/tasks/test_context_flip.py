"""A context bit: told in the observation, drawn from the seed, turns actions around."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from stable_baselines3.common.env_checker import check_env as check_for_sb3

from pib_rl.envs import ContextFlip
from pib_rl.envs.tasks.context_flip import make_context_flip


class Echo(gym.Env):
    """Tells which action it was given; an episode has 20 steps."""

    def __init__(self, space: gym.Space) -> None:
        self.action_space = space
        self.observation_space = gym.spaces.Box(-9, 9, (2,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return np.zeros(2, dtype=np.float32), {}

    def step(self, action):
        self.steps += 1
        self.given = action
        return np.full(2, self.steps / 9, dtype=np.float32), 0.0, False, self.steps >= 20, {"told": True}


def in_context(env: ContextFlip, context: int) -> ContextFlip:
    """Resets until that context is drawn."""
    for seed in range(50):
        if env.reset(seed=seed)[1]["context"] == context:
            return env
    raise AssertionError


@pytest.mark.parametrize(
    ("space", "action", "turned"),
    [
        (gym.spaces.Discrete(5), 1, 3),
        (gym.spaces.Discrete(2), 0, 1),
        (gym.spaces.Discrete(3, start=4), 4, 6),
        (gym.spaces.Discrete(5), np.int64(0), 4),
        (gym.spaces.Box(-2, 2, (2,)), np.array([0.5, -2]), np.array([-0.5, 2])),
    ],
)
def test_actions_are_turned_around_in_one_context_only(space, action, turned):
    env = ContextFlip(Echo(space))
    for context, expected in ((1, action), (-1, turned)):
        in_context(env, context).step(action)
        np.testing.assert_array_equal(env.unwrapped.given, expected)
        assert type(env.unwrapped.given) is type(action)


def test_the_context_stands_behind_the_observation():
    env = ContextFlip(Echo(gym.spaces.Discrete(2)))
    for context in (1, -1):
        in_context(env, context)
        obs, _, _, _, info = env.step(0)
        np.testing.assert_array_equal(obs, np.array([1 / 9, 1 / 9, context], dtype=np.float32))
        assert obs.dtype == np.float32
        assert info == {"told": True, "context": context}
    np.testing.assert_array_equal(env.observation_space.low, [-9, -9, -1])
    np.testing.assert_array_equal(env.observation_space.high, [9, 9, 1])


def test_both_contexts_are_drawn_alike_and_by_the_seed():
    env = ContextFlip(gym.make("CartPole-v1"))
    drawn = [env.reset(seed=seed)[1]["context"] for seed in range(400)]
    assert abs(np.mean(drawn)) < 5 / 20
    assert drawn == [env.reset(seed=seed)[1]["context"] for seed in range(400)]
    env.reset(seed=0)
    assert len({env.reset()[1]["context"] for _ in range(40)}) == 2, "each episode draws anew"


def test_the_context_changes_as_often_as_it_is_asked_to():
    env, changes, steps = ContextFlip(Echo(gym.spaces.Discrete(2)), switch=0.2), 0, 0
    env.reset(seed=0)
    while steps < 2000:
        before = env.context
        obs, _, _, truncated, info = env.step(0)
        changes += info["context"] != before
        assert obs[-1] == info["context"]
        steps += 1
        if truncated:
            env.reset()
    assert abs(changes / steps - 0.2) < 5 * (0.16 / steps) ** 0.5


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("env_id", ["CartPole-v1", "Pendulum-v1"])
def test_the_wrapped_environment_is_accepted_and_can_be_made_again(env_id):
    env = ContextFlip(gym.make(env_id), switch=0.1)
    check_for_sb3(env)
    again = gym.make(env.spec)
    assert isinstance(again, ContextFlip)
    assert again.switch == 0.1


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"ContextFlip needs observations that are vectors.*got Discrete"):
        ContextFlip(gym.make("FrozenLake-v1"))
    with pytest.raises(ValueError, match=r"Discrete, or a Box that is symmetric around 0, got Box\(-1"):
        ContextFlip(Echo(gym.spaces.Box(-1, 2, (1,))))
    with pytest.raises(ValueError, match=r"got MultiBinary"):
        ContextFlip(Echo(gym.spaces.MultiBinary(2)))
    for switch in (-0.1, 1.5):
        with pytest.raises(ValueError, match=f"switch is a probability per step and must be in 0..1, got {switch}"):
            ContextFlip(gym.make("CartPole-v1"), switch)


@pytest.mark.parametrize("start", [0, 4])
def test_actions_as_agents_of_stable_baselines_give_them_are_turned_around(start):
    env = in_context(ContextFlip(Echo(gym.spaces.Discrete(3, start=start))), -1)
    env.step(np.array(start))  # predict() of a single observation: an array without axes
    assert env.unwrapped.given == start + 2
    assert env.env.action_space.contains(env.unwrapped.given)


def test_truth_values_are_numbers_when_they_are_turned_around():
    env = in_context(ContextFlip(Echo(gym.spaces.Discrete(4))), -1)
    for action, turned in ((True, 2), (False, 3)):
        env.step(action)
        assert env.unwrapped.given == turned


def test_a_module_that_is_not_there_is_told():
    with pytest.raises(ValueError, match="cannot load environment 'no_such_module:Some-v0'"):
        gym.make("pib_rl/ContextFlip-v0", env_id="no_such_module:Some-v0")


@pytest.mark.parametrize(
    ("env_id", "words"),
    [
        ("bad id", "environment id 'bad id' is not of the form Name-v1"),
        ("", "environment id '' is not of the form"),
        ("LunarLander-v2", "environment 'LunarLander-v2' is retired"),
        ("no_such_module:Some-v0", "cannot load environment 'no_such_module:Some-v0'"),
    ],
)
def test_what_is_wrong_with_the_id_inside_is_told(env_id, words):
    with pytest.raises(ValueError, match=words):
        gym.make("pib_rl/ContextFlip-v0", env_id=env_id)


def test_a_package_that_is_missing_inside_is_told(monkeypatch):
    def lacking(*_, **__):
        raise gym.error.DependencyNotInstalled("Box2D is not installed")

    monkeypatch.setattr("pib_rl.envs.lookup.gym.make", lacking)
    with pytest.raises(ValueError, match="environment LunarLander-v3 needs more packages: Box2D is not installed"):
        make_context_flip("LunarLander-v3")
