"""The registered environments: what Gymnasium and Stable-Baselines3 ask of any, side by side, and on disk."""

from __future__ import annotations

import cloudpickle
import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env
from hardware_toys import TASKS, quiet, same, trace, write_run
from stable_baselines3.common.env_checker import check_env as check_for_sb3
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv

from pib_rl.envs import make_env
from pib_rl.physical import Read
from pib_rl.registration import IDS

SMALL = {"width": 4, "hw": "memristive"}
WITH_HARDWARE = ["pib_rl/Hardware-v0", "pib_rl/Encoder-v0"]


def actions(env, count=5):
    env.action_space.seed(0)
    return [env.action_space.sample() for _ in range(count)]


@quiet
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", WITH_HARDWARE)
def test_gymnasium_and_stable_baselines_accept_them(name, task, monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    env = gym.make(name, env_id=task, render_mode="rgb_array", **SMALL)
    check_env(env)
    check_for_sb3(env)
    assert env.reset(seed=0)[0] in env.observation_space
    frame = env.render()
    assert frame.dtype == np.uint8
    assert frame.ndim == 3


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", WITH_HARDWARE)
def test_a_seed_is_a_trajectory(name, task):
    env, other = (gym.make(name, env_id=task, **SMALL) for _ in range(2))
    acts = actions(env)
    first = trace(env, 4, acts)
    assert same(trace(other, 4, acts), first)
    assert same(trace(env, 4, acts), first), "after a reset with the same seed"
    assert not np.array_equal(trace(env, 5, acts)[1][0], first[1][0])


@pytest.mark.parametrize("name", WITH_HARDWARE)
def test_the_seed_decides_what_the_chip_draws(name):
    env = gym.make(name, **SMALL)
    chip = env.get_wrapper_attr("model" if "Encoder" in name else "policy")
    drawn = []
    for seed in (1, 2, 1):
        env.reset(seed=seed)
        drawn.append(chip.streams.seed)
    assert drawn[0] == drawn[2] != drawn[1]


def test_episodes_without_a_seed_follow_from_the_one_before():
    env = gym.make("pib_rl/Encoder-v0", **SMALL)
    first, second = [], []
    for seen in (first, second):
        seen.extend([env.reset(seed=3)[0], env.reset()[0]])
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first[0], first[1])


@pytest.mark.parametrize("name", WITH_HARDWARE)
def test_specification_and_pickle_make_the_same_environment(name):
    env = gym.make(name, env_id="Pendulum-v1", hw_options={"stuck": 0.1}, seed=3, **SMALL)
    acts = actions(env)
    for other in (gym.make(env.spec), cloudpickle.loads(cloudpickle.dumps(env))):
        assert other.spec.id == name
        assert [part.name for part in other.spec.additional_wrappers] == [
            part.name for part in env.spec.additional_wrappers
        ]
        assert same(trace(env, 2, acts), trace(other, 2, acts))


@pytest.mark.parametrize("name", WITH_HARDWARE)
@pytest.mark.parametrize("mode", ["sync", "async"])
def test_gymnasium_vectorises_them(name, mode):
    env = gym.make_vec(name, num_envs=2, vectorization_mode=mode, **SMALL)
    try:
        one = gym.make(name, **SMALL)
        obs, info = env.reset(seed=[5, 6])
        np.testing.assert_array_equal(obs[1], one.reset(seed=6)[0])
        obs, *_, info = env.step(np.zeros(2, dtype=int))
        expected, *_, info_of_one = one.step(0)
        np.testing.assert_array_equal(obs[1], expected)
        assert info["energy_j"][1] == info_of_one["energy_j"] > 0
    finally:
        env.close()


@pytest.mark.parametrize("name", WITH_HARDWARE)
@pytest.mark.parametrize("kind", [DummyVecEnv, SubprocVecEnv])
def test_stable_baselines_vectorises_them(name, kind):
    env = make_vec_env(f"pib_rl.envs:{name}", 2, seed=5, env_kwargs=SMALL, vec_env_cls=kind)  # processes import it
    try:
        one = gym.make(name, **SMALL)
        np.testing.assert_array_equal(env.reset()[1], one.reset(seed=6)[0])
        np.testing.assert_array_equal(env.step(np.zeros(2, dtype=int))[0][1], one.step(0)[0])
    finally:
        env.close()


def test_ids_can_name_their_module():
    assert gym.make("pib_rl.envs:pib_rl/Hardware-v0").spec.id == "pib_rl/Hardware-v0"
    assert make_env("pib_rl/Encoder-v0", width=4).observation_space.shape == (8,)
    assert set(IDS) <= set(gym.registry)


@pytest.mark.parametrize("name", WITH_HARDWARE)
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"env_id": 3}, "env_id must be the id of an environment, such as CartPole-v1, got 3"),
        ({"env_id": "CartPole-v9"}, "unknown environment 'CartPole-v9'"),
        ({"hw": "memristor"}, "memristive"),
        ({"run": "nowhere"}, "nowhere is not a folder"),
        ({"read": "loud"}, "loud"),
        ({"width": 0}, r"width must be a whole number in 1\.\.100000, got 0"),
        ({"width": 8.5}, "width must be a whole number in .*, got 8.5"),
        ({"seed": 1.5}, "seed must be a whole number in .*, got 1.5"),
        ({"hw_options": 3}, "hw_options must be a mapping of names to values, got 3"),
        ({"distractors": 1.5}, "distractors must be a whole number in .*, got 1.5"),
    ],
)
def test_wrong_arguments_are_told(name, arguments, words):
    with pytest.raises(ValueError, match=words):
        gym.make(name, **arguments)


class TestRuns:
    def test_the_policy_of_a_run_acts(self, tmp_path):
        policy = write_run(tmp_path, distractors=2)
        last, best = (gym.make(WITH_HARDWARE[0], run=tmp_path, hw="memristive", best=best) for best in (False, True))
        assert last.observation_space.shape == (6,), "the noise dimensions are those of the run"
        chips = [env.get_wrapper_attr("policy").model.readout.array.weights() for env in (last, best)]
        assert torch.equal(chips[0], policy.model.readout.array.weights())
        assert not torch.equal(*chips)

    def test_the_units_of_a_run_encode(self, tmp_path):
        policy = write_run(tmp_path)
        env = gym.make("pib_rl/Encoder-v0", run=str(tmp_path), read="mean")
        obs, plain = env.reset(seed=0)[0], gym.make("CartPole-v1").reset(seed=0)[0]
        np.testing.assert_array_equal(obs, policy.model.taps(torch.from_numpy(plain)[None], Read.MEAN)[0])
        assert same(trace(env, 1, [0, 1]), trace(gym.make(env.spec), 1, [0, 1]))

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            ({"hw": "optical"}, "hw optical is asked for, but the run .* has memristive; leave hw out"),
            ({"seed": 0}, "seed 0 is asked for, but the run .* has 3"),
            (
                {"env_id": "Acrobot-v1"},
                "is a run of CartPole-v1 without distractors: it has observations of 4 numbers, and "
                "the task has 6; give the task CartPole-v1 without distractors, or a run of your",
            ),
            (
                {"distractors": 1},
                "has observations of 4 numbers, and the task has 5; give the task CartPole-v1 without",
            ),
            ({"width": 4.0}, "width must be a whole number in .*, got 4.0"),
        ],
    )
    @pytest.mark.parametrize("name", WITH_HARDWARE)
    def test_what_contradicts_a_run_is_refused(self, name, arguments, words, tmp_path):
        write_run(tmp_path)
        with pytest.raises(ValueError, match=words):
            gym.make(name, run=tmp_path, **arguments)
