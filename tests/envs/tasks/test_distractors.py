"""Noise dimensions: sizes, moments, seeds, and Gymnasium's own check of an environment."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.vec_env import DummyVecEnv

from pib_rl.envs import Distractors, VecDistractors
from pib_rl.envs.vectorised import SameStepCartPole, VectorAdapter


def noisy(count: int = 5) -> Distractors:
    return Distractors(gym.make("CartPole-v1"), count)


def vectorised(count: int = 5, n: int = 3, seed: int | None = 0) -> VecDistractors:
    return VecDistractors(VectorAdapter(SameStepCartPole(num_envs=n), seed), count, seed)


def test_observations_are_widened_behind_the_true_ones():
    env, plain = noisy(), gym.make("CartPole-v1")
    obs, expected = env.reset(seed=2)[0], plain.reset(seed=2)[0]
    assert env.observation_space.shape == obs.shape == (9,)
    assert obs.dtype == env.observation_space.dtype == np.float32
    np.testing.assert_array_equal(obs[:4], expected)
    np.testing.assert_array_equal(env.step(1)[0][:4], plain.step(1)[0])
    np.testing.assert_array_equal(env.observation_space.low[:4], plain.observation_space.low)
    np.testing.assert_array_equal(env.observation_space.high[:4], plain.observation_space.high)
    assert np.isinf(env.observation_space.high[4:]).all()
    assert np.isinf(env.observation_space.low[4:]).all()


def is_standard_normal(noise: np.ndarray) -> bool:
    """By mean, variance, fourth moment, and independence from the row before and the column before."""
    bound = 5 / noise.size**0.5
    pairs = [(noise[1:], noise[:-1]), (noise[..., 1:], noise[..., :-1])]
    return (
        abs(noise.mean()) < bound
        and abs(noise.var() - 1) < bound * 2**0.5
        and abs((noise**4).mean() - 3) < bound * 96**0.5
        and all(abs(np.mean(a * b)) < 5 / a.size**0.5 for a, b in pairs)
    )


def test_noise_is_standard_normal_and_new_at_every_step():
    env = noisy(20)
    env.reset(seed=0)
    steps = []
    for _ in range(400):
        obs, _, terminated, truncated, _ = env.step(env.action_space.sample())
        steps.append(obs[4:])
        if terminated or truncated:
            env.reset()
    assert is_standard_normal(np.stack(steps))


def test_noise_comes_from_the_seed_of_the_environment():
    def trace(env, seed):
        return np.stack([env.reset(seed=seed)[0], *[env.step(action)[0] for action in (1, 0, 1)]])

    env = noisy()
    first = trace(env, 4)
    np.testing.assert_array_equal(trace(env, 4), first)
    np.testing.assert_array_equal(trace(noisy(), 4), first)
    assert not np.array_equal(trace(env, 5)[:, 4:], first[:, 4:])


@pytest.mark.filterwarnings("ignore:.*observation space (min|max)imum value:UserWarning")
@pytest.mark.filterwarnings("ignore:.*different from the unwrapped version:UserWarning")
def test_gymnasium_accepts_the_environment():
    check_env(noisy(), skip_render_check=True)


def test_the_specification_makes_the_environment_again():
    again = gym.make(noisy(7).spec)
    assert again.observation_space.shape == (11,)


@pytest.mark.parametrize(
    "wrap",
    [lambda count, env: Distractors(env, count), lambda count, env: VecDistractors(DummyVecEnv([lambda: env]), count)],
    ids=["single", "vectorised"],
)
class TestRefusals:
    @pytest.mark.parametrize(
        "space",
        [gym.spaces.Discrete(3), gym.spaces.Box(0, 1, (4, 4)), gym.spaces.Dict({"x": gym.spaces.Box(0, 1, (4,))})],
    )
    def test_observations_must_be_vectors(self, wrap, space):
        env = gym.make("CartPole-v1").unwrapped
        env.observation_space = space
        with pytest.raises(ValueError, match=r"observations that are vectors.*got (Discrete|Box|Dict)"):
            wrap(2, env)

    @pytest.mark.parametrize("count", [0, -2])
    def test_there_must_be_noise(self, wrap, count):
        with pytest.raises(ValueError, match=f"a whole number in 1..1000000, got {count}"):
            wrap(count, gym.make("CartPole-v1"))


def test_a_vector_of_environments_is_widened_behind_the_true_observations():
    venv, plain = vectorised(), VectorAdapter(SameStepCartPole(num_envs=3), 0)
    obs = venv.reset()
    assert venv.observation_space.shape == (9,)
    assert obs.shape == (3, 9)
    assert obs.dtype == np.float32
    np.testing.assert_array_equal(obs[:, :4], plain.reset())
    for action in (0, 1, 1):
        np.testing.assert_array_equal(venv.step(np.full(3, action))[0][:, :4], plain.step(np.full(3, action))[0])


def test_noise_of_a_vector_of_environments_is_standard_normal():
    venv = vectorised(20, 8)
    steps = [venv.reset()[:, 4:], *[venv.step(np.ones(8, dtype=int))[0][:, 4:] for _ in range(100)]]
    assert is_standard_normal(np.stack(steps))
    assert abs(np.mean(np.stack(steps)[:, 1:] * np.stack(steps)[:, :-1])) < 5 / (101 * 7 * 20) ** 0.5


def test_terminal_observations_are_widened_too():
    venv = vectorised()
    venv.reset()
    venv.venv.env.state[:, 1] = [0, 0, 0.5, 0]
    obs, _, dones, infos = venv.step(np.ones(3, dtype=int))
    last = infos[1]["terminal_observation"]
    assert dones.tolist() == [False, True, False]
    assert last.shape == (9,)
    assert last.dtype == np.float32
    assert last[2] == pytest.approx(0.5)
    assert last[4:].any()
    assert not np.array_equal(last[4:], obs[1, 4:]), "noise of its own, not that of the next episode"
    assert "terminal_observation" not in infos[0]


def test_seeds_repeat_and_differ():
    np.testing.assert_array_equal(vectorised(seed=3).reset(), vectorised(seed=3).reset())
    assert not np.array_equal(vectorised(seed=3).reset()[:, 4:], vectorised(seed=4).reset()[:, 4:])


def test_a_new_seed_repeats_the_noise_as_well():
    venv, seen = vectorised(seed=None), []
    for _ in range(2):
        venv.seed(3)
        seen.append(venv.reset())
    np.testing.assert_array_equal(*seen)


def test_noise_tells_nothing_about_the_state():
    obs = np.stack([vectorised(8, 2, seed).reset() for seed in range(300)])
    state, size = obs[..., :4].swapaxes(1, 2).reshape(300, -1), np.abs(obs[..., 4:]).reshape(300, -1)
    between = np.corrcoef(state.T, size.T)[:8, 8:]
    assert np.abs(between).max() < 5 / 300**0.5


@pytest.mark.parametrize("count", [1.5, "3", True, None])
def test_numbers_that_are_not_whole_are_refused(count):
    with pytest.raises(ValueError, match=r"distractors must be a whole number in .*, got"):
        Distractors(gym.make("CartPole-v1"), count)
