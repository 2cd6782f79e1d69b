"""Observations through hardware: what comes out, its bounds, its price, and where statistics come from."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.vec_env import DummyVecEnv

from pib_rl.agents.network.chip import ChipConfig
from pib_rl.agents.network.model import PhysicalModel
from pib_rl.agents.policy import PIBPolicy
from pib_rl.envs import Distractors, FreshChip, HardwareEncoder, VecHardwareEncoder, make_vec_env
from pib_rl.envs.hardware.chips import random_observations
from pib_rl.physical import Read

SMALL = {"width": 4, "samples": 50}


def fresh(hw="memristive", task="CartPole-v1", read="noisy", **options):
    return HardwareEncoder(gym.make(task), FreshChip(hw=hw, hw_options=options, **SMALL), read)


def test_the_agent_sees_the_taps_of_the_observation():
    env, plain = fresh(read="mean"), gym.make("CartPole-v1")
    for obs, (expected, _) in ((env.reset(seed=1)[0], plain.reset(seed=1)), (env.step(1)[0], plain.step(1)[:2])):
        taps = env.model.taps(torch.from_numpy(expected)[None], Read.MEAN)[0].numpy()
        np.testing.assert_array_equal(obs, taps)
        assert obs.shape == env.observation_space.shape == (8,)


def test_the_task_goes_as_it_does_without_hardware():
    def rewards(env):
        env.reset(seed=7)
        first = [env.step(np.array([0.5], dtype=np.float32))[1] for _ in range(5)]
        env.reset()  # an episode without a seed draws from the task's own generator
        return [*first, env.step(np.array([0.5], dtype=np.float32))[1]]

    assert rewards(fresh(task="Pendulum-v1")) == rewards(gym.make("Pendulum-v1"))


@pytest.mark.parametrize("hw", ["digital", "memristive", "optical", "mzi", "oscillator"])
@pytest.mark.parametrize("read", ["noisy", "mean"])
def test_features_stay_within_finite_bounds(hw, read):
    env = fresh(hw, read=read)
    env.reset(seed=0)
    low, high = env.observation_space.low, env.observation_space.high
    assert np.isfinite([low, high]).all()
    for size in (1e-3, 1.0, 1e6):
        obs = (size * np.random.default_rng(0).normal(size=(200, 4))).astype(np.float32)
        seen = env.encoding(obs)
        raw = env.model.taps(torch.from_numpy(obs), Read(read)).numpy()
        assert ((raw > low - 1e-5) & (raw < high + 1e-5)).all()
        assert ((seen >= low) & (seen <= high)).all()


def test_bounds_of_ideal_reads_of_light_are_not_known():
    assert np.isinf(fresh("optical", read="ideal").observation_space.high).all()
    assert np.isfinite(fresh("memristive", read="ideal").observation_space.high).all()


def test_read_noise_is_new_at_every_step_and_absent_in_mean_reads():
    for read, alike in (("noisy", False), ("mean", True)):
        env = fresh(read=read)
        obs = env.env.reset(seed=0)[0]
        assert np.array_equal(env.observation(obs), env.observation(obs)) is alike


def test_energy_and_latency_are_those_of_one_pass():
    env = fresh(
        read_voltage_v=0.5,
        max_conductance_us=20.0,
        read_time_s=1e-6,
        dac_energy_j=1e-12,
        adc_energy_j=2e-12,
        dac_time_s=1e-9,
        adc_time_s=3e-9,
    )
    env.reset(seed=0)
    info = env.step(0)[-1]
    assert info["latency_s"] == pytest.approx(3 * 4e-9 + 2 * (1e-6 + 3e-9))
    conversions = 12 * 1e-12 + (12 + 8) * 2e-12
    assert conversions < info["energy_j"] < conversions + 2 * 8 * 4 * 20e-6 * 0.25 * 1e-6 * 2
    total = sum(env.model.meter.joules().values())
    again = env.step(0)[-1]["energy_j"]
    assert sum(env.model.meter.joules().values()) == pytest.approx(total + again), "the meter still counts all"


def test_hardware_behind_hardware_adds_up():
    inner = fresh("optical")
    both = HardwareEncoder(inner, FreshChip(hw="optical", **SMALL))
    one, two = (env.reset(seed=0)[1] for env in (inner, both))
    assert two["energy_j"] > 1.5 * one["energy_j"] > 0
    assert two["latency_s"] == pytest.approx(2 * one["latency_s"])


def test_statistics_of_a_fresh_chip_are_those_of_random_actions():
    env = gym.make("CartPole-v1")
    before = env.unwrapped.__dict__.copy()
    model = FreshChip(seed=2, **SMALL).network(env)
    seen = random_observations(env, 50, 2)
    assert seen.shape == (50, 4)
    np.testing.assert_allclose(model.normaliser.mean[0], seen.mean(0), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(model.normaliser.std[0], seen.std(0), rtol=1e-5)
    assert env.unwrapped.__dict__ == before, "the environment itself is left alone"
    assert not np.array_equal(random_observations(env, 50, 3), seen)


def test_statistics_stay_as_they_are():
    env = fresh()
    before = {name: value.clone() for name, value in env.model.state_dict().items() if "meter" not in name}
    env.reset(seed=0)
    for _ in range(5):
        env.step(1)
    after = env.model.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())


@pytest.mark.parametrize(
    "make",
    [
        lambda: PhysicalModel(ChipConfig(width=4, units=2, hw="optical"), 4, 1),
        lambda: PIBPolicy(gym.make("CartPole-v1").observation_space, spaces.Discrete(2), width=4, hw="optical"),
    ],
)
def test_a_model_or_a_policy_is_used_as_it_is(make):
    chip = make()
    env = HardwareEncoder(gym.make("CartPole-v1"), chip)
    assert env.model is getattr(chip, "model", chip)
    assert env.reset(seed=0)[0] in env.observation_space


@pytest.mark.parametrize(
    ("env", "network", "words"),
    [
        (
            gym.make("CartPole-v1"),
            PhysicalModel(ChipConfig(width=4, units=1), 5, 1),
            "sees 5 numbers, but observations have 4",
        ),
        (
            Distractors(gym.make("CartPole-v1"), 2),
            PhysicalModel(ChipConfig(width=4, units=1), 4, 1),
            "observations have 6",
        ),
    ],
)
def test_another_number_of_features_is_refused(env, network, words):
    with pytest.raises(ValueError, match=words):
        HardwareEncoder(env, network)


def test_images_are_refused():
    env = gym.make("CartPole-v1")
    env.unwrapped.observation_space = spaces.Box(0, 255, (8, 8, 3), np.uint8)
    with pytest.raises(ValueError, match="must be vectors, got images"):
        HardwareEncoder(env, FreshChip())


def test_an_environment_that_cannot_be_copied_needs_a_network_of_its_own():
    env = gym.make("CartPole-v1")
    env.unwrapped.lock = (step for step in range(3))
    with pytest.raises(ValueError, match="can't be copied to gather statistics"):
        HardwareEncoder(env, FreshChip())


def test_samples_are_two_or_more():
    with pytest.raises(ValueError, match=r"samples must be a whole number in 2\.\.1000000, got 1"):
        FreshChip(samples=1)


def test_discrete_observations_are_flattened():
    from gymnasium.envs.toy_text import FrozenLakeEnv

    env = HardwareEncoder(FrozenLakeEnv(), FreshChip(hw="memristive", **SMALL))
    assert env.reset(seed=0)[0].shape == (8,)


class TestManyAtOnce:
    def test_one_chip_reads_all_environments(self):
        model = FreshChip(**SMALL).network(gym.make("CartPole-v1"))
        venv, plain = VecHardwareEncoder(make_vec_env("CartPole-v1", 3, 1), model), make_vec_env("CartPole-v1", 3, 1)
        expected = model.taps(torch.from_numpy(plain.reset()), Read.NOISY).numpy()
        np.testing.assert_array_equal(venv.reset(), expected)
        act = np.ones(3, dtype=int)
        expected = model.taps(torch.from_numpy(plain.step(act)[0]), Read.NOISY).numpy()
        np.testing.assert_array_equal(venv.step(act)[0], expected)

    def test_the_last_observation_of_an_episode_is_encoded_too(self):
        model = FreshChip(**SMALL).network(gym.make("CartPole-v1"))
        venv = VecHardwareEncoder(DummyVecEnv([lambda: gym.make("CartPole-v1", max_episode_steps=2)]), model)
        venv.reset()
        venv.step(np.array([0]))
        infos = venv.step(np.array([0]))[3]
        assert infos[0]["terminal_observation"] in venv.observation_space

    def test_a_seed_repeats_the_noise(self):
        model = FreshChip(hw="memristive", **SMALL).network(gym.make("CartPole-v1"))
        venv, seen = VecHardwareEncoder(make_vec_env("CartPole-v1", 2, 1), model), []
        for seed in (3, 3, 4):
            venv.seed(seed)
            seen.append(venv.reset())
        np.testing.assert_array_equal(seen[0], seen[1])
        assert not np.array_equal(seen[0], seen[2])
