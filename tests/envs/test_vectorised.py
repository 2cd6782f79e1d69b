"""The vectorised CartPole behind Stable-Baselines3's interface: dynamics, same-step resets, limits, seeds."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
from stable_baselines3.common.monitor import Monitor

from pib_rl.envs.vectorised import SameStepCartPole, VectorAdapter

FALLEN = [0.0, 0.0, 0.5, 0.0]  # a pole beyond its 12 degrees
UPRIGHT = [0.0, 0.0, 0.0, 0.0]


def adapter(n: int = 4, seed: int | None = 0, limit: int = 500) -> VectorAdapter:
    venv = VectorAdapter(SameStepCartPole(num_envs=n, max_episode_steps=limit), seed)
    venv.reset()
    return venv


def set_states(venv: VectorAdapter, states: list[list[float]], steps: list[int] | int = 0) -> None:
    venv.env.state = np.array(states, dtype=np.float64).T.copy()
    venv.env.steps[:] = steps


def push(venv: VectorAdapter, *actions: int):
    return venv.step(np.array(actions or [1] * venv.num_envs))


def test_dynamics_are_those_of_gymnasium():
    random, single, venv = np.random.default_rng(0), gym.make("CartPole-v1").unwrapped, adapter(1)
    single.reset(seed=0)
    ends = 0
    for _ in range(600):
        state, action = random.uniform(-1, 1, 4) * [2.5, 2, 0.22, 2], int(random.integers(2))
        single.state, single.steps_beyond_terminated = state, None
        set_states(venv, [state.tolist()])
        expected, reward, terminated, *_ = single.step(action)
        obs, rewards, dones, infos = push(venv, action)
        seen = infos[0]["terminal_observation"] if dones[0] else obs[0]
        np.testing.assert_allclose(seen, expected, rtol=1e-6, atol=1e-7)
        assert (rewards[0], dones[0]) == (reward, terminated)
        ends += terminated
    assert 50 < ends < 550


def test_whole_episodes_follow_gymnasium_step_by_step():
    single, venv, random = gym.make("CartPole-v1").unwrapped, adapter(3, seed=5), np.random.default_rng(1)
    single.reset(seed=0)
    single.state = venv.env.state[:, 1].copy()
    lengths = []
    for step in range(300):
        actions = random.integers(0, 2, 3)
        expected, _, terminated, *_ = single.step(int(actions[1]))
        obs, rewards, dones, infos = push(venv, *actions)
        seen = infos[1]["terminal_observation"] if dones[1] else obs[1]
        np.testing.assert_allclose(seen, expected, rtol=1e-4, atol=1e-5)
        assert dones[1] == terminated
        assert (rewards == 1).all(), "no dead step after an episode"
        if terminated:
            lengths.append(step)
            single.state, single.steps_beyond_terminated = venv.env.state[:, 1].copy(), None
    assert len(lengths) > 5


def test_the_step_that_ends_an_episode_resets_it():
    venv = adapter()
    set_states(venv, [UPRIGHT, FALLEN, [2.5, 1.0, 0.0, 0.0], UPRIGHT], steps=7)
    obs, _, dones, infos = push(venv)
    assert dones.tolist() == [False, True, True, False]
    assert (np.abs(obs[dones]) <= 0.05).all()
    assert len(np.unique(obs[dones])) == 8, "each to a random state of its own"
    assert venv.env.steps.tolist() == [8, 0, 0, 8]
    np.testing.assert_allclose(infos[1]["terminal_observation"][2], 0.5, atol=1e-6)
    np.testing.assert_allclose(infos[2]["terminal_observation"][:2], [2.52, 1.195], atol=1e-3)
    assert [sorted(info) for info in infos] == [[], *[["TimeLimit.truncated", "terminal_observation"]] * 2, []]
    assert abs(obs[0, 1]) > 0.1, "the others go on"


def test_what_a_step_returned_is_not_changed_by_the_next():
    venv = adapter()
    set_states(venv, [UPRIGHT, FALLEN, FALLEN, UPRIGHT])
    obs, rewards, dones, infos = push(venv)
    last = infos[1]["terminal_observation"]
    kept = [part.copy() for part in (obs, rewards, dones, last)]
    set_states(venv, [FALLEN, UPRIGHT, UPRIGHT, UPRIGHT])
    push(venv, 0, 0, 0, 0)
    for part, before in zip((obs, rewards, dones, last), kept, strict=True):
        np.testing.assert_array_equal(part, before)


def test_a_limit_counts_only_where_the_task_did_not_end():
    venv = adapter()
    set_states(venv, [UPRIGHT, FALLEN, UPRIGHT, FALLEN], steps=[0, 0, 499, 499])
    obs, _, dones, infos = push(venv)
    assert dones.tolist() == [False, True, True, True]
    assert [info.get("TimeLimit.truncated", False) for info in infos] == [False, False, True, False]
    assert all(type(info["TimeLimit.truncated"]) is bool for info in infos[1:])
    assert np.abs(infos[2]["terminal_observation"]).max() > 0.1
    assert (np.abs(obs[1:]) <= 0.05).all()


def test_an_episode_lasts_up_to_the_limit_again_and_again():
    venv, ends = adapter(2, limit=20), []
    for step in range(1, 61):
        venv.env.state[:] = 0
        _, rewards, dones, _ = push(venv)
        assert (rewards == 1).all()
        ends += [step] * int(dones.all())
    assert ends == [20, 40, 60]


def trace(venv: VectorAdapter) -> np.ndarray:
    """Observations of a reset and 80 steps, with resets in between."""
    random = np.random.default_rng(3)
    return np.stack([venv.reset(), *[push(venv, *random.integers(0, 2, venv.num_envs))[0] for _ in range(80)]])


def make(seed: int | None) -> VectorAdapter:
    return VectorAdapter(SameStepCartPole(num_envs=4), seed)


def test_seeds_repeat_and_differ():
    np.testing.assert_array_equal(trace(make(3)), trace(make(3)))
    assert not np.array_equal(trace(make(3))[0], trace(make(4))[0])
    first = make(3).reset()
    assert len(np.unique(first)) == first.size, "every environment starts somewhere else"


def test_a_seed_counts_for_one_reset():
    venv = make(3)
    first, second = trace(venv), trace(venv)
    assert not np.array_equal(first, second)
    assert venv.seed(3) == [3] * 4
    np.testing.assert_array_equal(trace(venv), first)


def test_attributes_and_methods_answer_for_every_environment():
    venv = adapter()
    assert venv.get_attr("x_threshold") == [2.4] * 4
    assert venv.get_attr("x_threshold", [0, 2]) == [2.4] * 2
    venv.set_attr("x_threshold", 1.0)
    assert venv.env.x_threshold == 1.0
    assert len(venv.env_method("reset", indices=1, seed=0)) == 1
    assert venv.env_is_wrapped(Monitor) == [False] * 4
    assert venv.env_is_wrapped(Monitor, 0) == [False]


def test_spaces_are_those_of_one_environment():
    venv, single = adapter(), gym.make("CartPole-v1")
    assert venv.observation_space == single.observation_space
    assert venv.action_space == single.action_space
    assert venv.reset().dtype == np.float32


def test_pictures_are_given_only_where_asked_for(monkeypatch):
    frames = (np.zeros((2, 2, 3)), np.ones((2, 2, 3)))
    for mode, expected in ((None, [None, None]), ("rgb_array", list(frames))):
        venv = VectorAdapter(SameStepCartPole(num_envs=2, render_mode=mode))
        monkeypatch.setattr(venv.env, "render", lambda: frames)
        assert all(a is b for a, b in zip(venv.get_images(), expected, strict=True))
