"""Environments by id: which form is chosen, episode statistics, seeds, errors that carry the cure."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor

from pib_rl.envs import Distractors, VecDistractors, make_env, make_vec_env
from pib_rl.envs.make import control_period
from pib_rl.envs.vectorised import VectorAdapter


def test_cartpole_takes_its_vectorised_form():
    venv = make_vec_env("CartPole-v1", 3)
    assert type(venv) is VecMonitor
    assert type(venv.venv) is VectorAdapter
    assert venv.num_envs == 3


def test_other_environments_run_one_by_one():
    venv = make_vec_env("Acrobot-v1", 2)
    assert type(venv) is DummyVecEnv
    assert venv.num_envs == 2


def test_arguments_reach_the_environment():
    venv = make_vec_env("CartPole-v1", 2, sutton_barto_reward=True)
    assert type(venv) is DummyVecEnv
    venv.reset()
    assert venv.step(np.zeros(2, dtype=int))[1].tolist() == [0, 0]
    assert make_env("CartPole-v1", sutton_barto_reward=True).unwrapped._sutton_barto_reward


@pytest.mark.parametrize("env_id", ["CartPole-v1", "Acrobot-v1", "MountainCarContinuous-v0"])
def test_seeds_repeat_and_differ(env_id):
    def trace(seed):
        venv, random = make_vec_env(env_id, 2, seed=seed, distractors=3), np.random.default_rng(0)
        shape = (30, 2, *venv.action_space.shape)
        actions = random.integers(0, 2, shape)
        return np.stack([venv.reset(), *[venv.step(action)[0] for action in actions]])

    first = trace(3)
    np.testing.assert_array_equal(trace(3), first)
    other = trace(4)
    assert not np.array_equal(other[0, :, :-3], first[0, :, :-3])
    assert not np.array_equal(other[0, :, -3:], first[0, :, -3:])
    assert not np.array_equal(first[0, 0], first[0, 1])


@pytest.mark.parametrize("env_id", ["Pendulum-v1", "CartPole-v1", "Acrobot-v1"])
def test_no_two_seeds_share_first_states(env_id):
    states = [tuple(row) for seed in range(12) for row in make_vec_env(env_id, 20, seed=seed).reset().tolist()]
    assert len(set(states)) == len(states)


def test_no_two_seeds_share_drawn_actions():
    def drawn(seed):
        return [tuple(env.action_space.sample().tolist()) for env in make_vec_env("Pendulum-v1", 5, seed=seed).envs]

    assert drawn(2) == drawn(2)
    assert len({*drawn(2), *drawn(3)}) == 10


@pytest.mark.parametrize(
    ("space", "words"),
    [
        (spaces.Text(4), "got Text; wrap it"),
        (spaces.Sequence(spaces.Discrete(2)), "got Sequence; an observation must have a fixed number"),
    ],
    ids=["text", "sequence"],
)
def test_spaces_that_no_agent_takes_are_refused_before_anything_is_reset(space, words, monkeypatch):
    made = []

    class Talk(gym.Env):
        observation_space, action_space = space, spaces.Discrete(2)

        def __init__(self):
            made.append(self)

        def reset(self, **_):
            raise AssertionError("too late")

    monkeypatch.setattr(gym.envs.registration, "registry", dict(gym.registry))
    gym.register("Talk-v0", entry_point=Talk)
    with pytest.raises(ValueError, match=words):
        make_vec_env("Talk-v0", 3)
    assert len(made) == 1


@pytest.mark.parametrize(("env_id", "kwargs"), [("CartPole-v1", {}), ("CartPole-v1", {"sutton_barto_reward": False})])
def test_ended_episodes_carry_their_statistics(env_id, kwargs):
    venv = make_vec_env(env_id, 2, seed=0, **kwargs)
    venv.reset()
    lengths, seen = np.zeros(2, dtype=int), 0
    for _ in range(60):
        _, _, dones, infos = venv.step(np.ones(2, dtype=int))
        lengths += 1
        for index in range(2):
            assert ("episode" in infos[index]) == dones[index]
            if dones[index]:
                episode = infos[index]["episode"]
                assert (episode["l"], episode["r"]) == (lengths[index], lengths[index])
                assert "terminal_observation" in infos[index]
                assert not infos[index]["TimeLimit.truncated"]
                lengths[index], seen = 0, seen + 1
    assert seen > 5


@pytest.mark.parametrize(("env_id", "limit"), [("CartPole-v1", 500), ("CartPole-v0", 200)])
def test_the_time_limit_is_that_of_the_specification(env_id, limit):
    venv = make_vec_env(env_id, 2)
    venv.reset()
    inner = venv.venv.env
    for _ in range(limit - 1):
        inner.state[:] = 0
        assert not venv.step(np.ones(2, dtype=int))[2].any()
    inner.state[:] = 0
    _, _, dones, infos = venv.step(np.ones(2, dtype=int))
    assert dones.all()
    assert [info["TimeLimit.truncated"] for info in infos] == [True, True]
    assert [info["episode"]["l"] for info in infos] == [limit, limit]


@pytest.mark.parametrize(("env_id", "size"), [("CartPole-v1", 4), ("Acrobot-v1", 6)])
def test_distractors_widen_every_form(env_id, size):
    venv = make_vec_env(env_id, 2, distractors=3)
    assert venv.observation_space.shape == (size + 3,)
    assert venv.reset().shape == (2, size + 3)
    assert isinstance(venv, VecDistractors) == (env_id == "CartPole-v1")
    single = make_env(env_id, distractors=3)
    assert isinstance(single, Distractors)
    assert single.reset(seed=0)[0].shape == (size + 3,)


def test_without_distractors_observations_stay_as_they_are():
    assert make_vec_env("CartPole-v1", 2).reset().shape == (2, 4)
    assert not isinstance(make_env("CartPole-v1"), Distractors)
    assert make_env("CartPole-v1").spec == gym.make("CartPole-v1").spec


@pytest.mark.parametrize("make", [make_env, make_vec_env])
@pytest.mark.parametrize(
    ("env_id", "answer"),
    [
        ("CartPol-v1", "unknown environment 'CartPol-v1'; did you mean CartPole-v1"),
        ("CartPole-v99", "unknown environment 'CartPole-v99'; did you mean CartPole"),
        ("no_such_module:Thing-v0", "cannot load environment 'no_such_module:Thing-v0'"),
        ("Cart Pole!", "'Cart Pole!' is not of the form Name-v1"),
    ],
)
def test_unknown_ids_are_answered_with_the_cure(make, env_id, answer):
    with pytest.raises(ValueError, match=answer):
        make(env_id)


@pytest.mark.parametrize("make", [make_env, make_vec_env])
def test_missing_packages_are_named(make, monkeypatch):
    def without_box2d(*args, **kwargs):
        raise gym.error.DependencyNotInstalled("run pip install box2d")

    monkeypatch.setattr(gym, "make", without_box2d)
    with pytest.raises(ValueError, match="Acrobot-v1 needs more packages: run pip install box2d"):
        make("Acrobot-v1")


@pytest.fixture
def registered(monkeypatch):
    """Registers CartPole, vectorised form included, under another id with other settings."""
    monkeypatch.setattr(gym.envs.registration, "registry", dict(gym.registry))

    def register(**settings):
        path = "gymnasium.envs.classic_control.cartpole:CartPole"
        gym.register("Own-v0", path + "Env", vector_entry_point=path + "VectorEnv", **settings)
        venv = make_vec_env("Own-v0", 2, seed=0)
        venv.reset()
        return venv

    return register


def test_no_time_limit_is_no_time_limit(registered):
    assert not registered().step(np.ones(2, dtype=int))[2].any()


def test_arguments_of_the_registration_reach_the_environment(registered):
    venv = registered(max_episode_steps=500, kwargs={"sutton_barto_reward": True})
    assert venv.step(np.ones(2, dtype=int))[1].tolist() == [0, 0]


def test_retired_versions_are_answered_with_the_current_one():
    with pytest.raises(ValueError, match="LunarLander-v3") as caught:
        make_env("LunarLander-v2")
    assert "not of the form" not in str(caught.value)


@pytest.mark.parametrize(
    ("env_id", "seconds"),
    [
        ("CartPole-v1", 0.02),
        ("Pendulum-v1", 0.05),
        ("Acrobot-v1", 0.2),
        ("MountainCar-v0", 1 / 30),
    ],
)
def test_the_control_period_is_the_simulated_time_between_two_actions(env_id, seconds):
    env = make_env(env_id, distractors=2)
    assert control_period(env) == pytest.approx(seconds)
    env.close()


def test_an_environment_without_a_clock_has_no_control_period():
    env = make_env("CliffWalking-v1")
    env.unwrapped.metadata = {}
    assert control_period(env) is None
    env.close()
