"""The bandit with contexts: rewards, regret, clusters and digits, pictures."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from pib_rl.envs.tasks.context_bandit import ContextBandit


def pulls(env: ContextBandit, n: int, offset: int = 0) -> list[tuple[float, dict]]:
    """Rewards and infos of arms that are ``offset`` behind the right one."""
    found = []
    env.reset(seed=1)
    for _ in range(n):
        _, info = env.reset()
        _, reward, terminated, truncated, after = env.step((info["right"] + offset) % env.arms)
        assert (terminated, truncated) == (True, False)
        found.append((reward, after))
    return found


@pytest.mark.parametrize(("offset", "mean", "regret"), [(0, 0.8, 0.0), (1, 0.2, 0.6), (2, 0.2, 0.6)])
def test_the_right_arm_pays_most_of_the_time_and_others_seldom(offset, mean, regret):
    found = pulls(ContextBandit(noise=0.2), 600, offset)
    assert {reward for reward, _ in found} == {0.0, 1.0}
    assert abs(np.mean([reward for reward, _ in found]) - mean) < 5 * (0.16 / 600) ** 0.5
    assert all(info["regret"] == pytest.approx(regret) for _, info in found)


def test_without_noise_rewards_are_sure():
    assert {reward for reward, _ in pulls(ContextBandit(noise=0), 50)} == {1.0}
    assert {reward for reward, _ in pulls(ContextBandit(noise=0), 50, 1)} == {0.0}


def contexts(env: ContextBandit, n: int) -> tuple[np.ndarray, np.ndarray]:
    env.reset(seed=0)
    drawn = [env.reset() for _ in range(n)]
    return np.stack([obs for obs, _ in drawn]), np.array([info["right"] for _, info in drawn])


@pytest.mark.parametrize("settings", [{"spread": 0.3}, {"data": "digits", "arms": 10}, {"data": "digits", "arms": 3}])
def test_the_context_tells_the_right_arm(settings):
    env = ContextBandit(**settings)
    x, right = contexts(env, 1200)
    assert set(right) == set(range(env.arms))
    assert KNeighborsClassifier(3).fit(x[:800], right[:800]).score(x[800:], right[800:]) > 0.95


def test_contexts_lie_around_their_centres():
    env = ContextBandit(spread=0.1, clusters=1, arms=2, features=3)
    x, right = contexts(env, 400)
    for arm in (0, 1):
        np.testing.assert_allclose(x[right == arm].mean(0), env._centres[arm], atol=0.05)
        np.testing.assert_allclose(x[right == arm].std(0), 0.1, rtol=0.3)


def test_a_seed_of_the_task_is_a_task_and_a_seed_of_the_environment_a_draw():
    first, again, other = (contexts(ContextBandit(task_seed=seed), 20) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], other[1])
    assert not np.array_equal(first[0], other[0])


def test_one_pull_is_an_episode():
    env = ContextBandit()
    with pytest.raises(ValueError, match="call reset"):
        env.step(0)
    obs, _ = env.reset(seed=0)
    np.testing.assert_array_equal(env.step(1)[0], obs)
    with pytest.raises(ValueError, match="the episode is over: call reset"):
        env.step(0)


@pytest.mark.parametrize("settings", [{}, {"data": "digits", "arms": 10}])
def test_the_picture_shows_which_arm_was_right(settings):
    env = ContextBandit(render_mode="rgb_array", **settings)
    _, info = env.reset(seed=0)
    before = env.render()
    assert before.shape == (400, 600, 3)
    assert before.dtype == np.uint8
    env.step((info["right"] + 1) % env.arms)
    after, width = env.render(), 540 / env.arms
    column = int(30 + width * (info["right"] + 0.2))
    red, green, _ = after[325, column].astype(int)
    assert green > red + 50
    assert not np.array_equal(before, after)
    assert ContextBandit().render() is None


@pytest.mark.parametrize(
    ("settings", "answer"),
    [
        ({"arms": 1}, r"arms must be a whole number in 2\.\.100, got 1"),
        ({"arms": 11, "data": "digits"}, r"arms must be a whole number in 2\.\.10, got 11"),
        ({"arms": 2.5}, "arms must be a whole number.*got 2.5"),
        ({"data": "mnist"}, "clusters or digits, got 'mnist'"),
        ({"features": 0}, r"features must be a whole number in 1\.\.4096"),
        ({"clusters": 0}, r"clusters .* 1\.\.100"),
        ({"spread": -1}, "spread must be >= 0 and finite, got -1"),
        ({"noise": 0.6}, r"noise .* 0\.\.0\.5, got 0\.6"),
        ({"task_seed": -1}, "task_seed must be a whole number"),
        ({"render_mode": "human"}, "None or rgb_array"),
    ],
)
def test_bad_arguments_are_told(settings, answer):
    with pytest.raises(ValueError, match=answer):
        ContextBandit(**settings)


def test_an_arm_that_is_none_is_refused():
    env = gym.make("pib_rl/ContextBandit-v0").unwrapped
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"an arm in 0\.\.3, got 4"):
        env.step(4)
