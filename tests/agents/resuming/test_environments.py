"""Environments go on where others were: episodes are played again, plain ones are set."""

from __future__ import annotations

import json

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from stable_baselines3.common.env_util import make_vec_env as make_single
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecFrameStack, VecNormalize

from pib_rl.agents.resuming import episodes
from pib_rl.agents.resuming.environments import environment_state, load_environment_state, record_episodes
from pib_rl.agents.resuming.episodes import EpisodeRecorder
from pib_rl.common.tree import Flat, flatten_state, join_state
from pib_rl.envs import make_vec_env

EXACT = [
    "CartPole-v1",
    "Pendulum-v1",
    "Acrobot-v1",
    "FrozenLake-v1",
    "LunarLander-v3",
    "Reacher-v5",
    "MinAtar/Breakout-v1",
    "pib_rl/ContextBandit-v0",
    "pib_rl/ContextFlip-v0",
    "pib_rl/DelayedCue-v0",
    "pib_rl/Distractors-v0",
    "pib_rl/ChipKeeper-v0",
]


class Rolling(gym.Env):
    """Draws at every step; ends after 7 and more each time, as it remembers how many episodes there were."""

    episodes = 0

    observation_space = spaces.Box(-9, 9, (2,), np.float32)
    action_space = spaces.Box(-1, 1, (2,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        self.episodes += 1
        return self.np_random.normal(size=2).astype(np.float32).clip(-9, 9), {}

    def step(self, action):
        self.steps += 1
        seen = (self.np_random.normal(size=2) + action).astype(np.float32).clip(-9, 9)
        return seen, float(seen[0]), self.steps >= 7 + self.episodes, False, {}


class Holding(Rolling):
    """It holds something of a compiled library."""

    def __init__(self):
        self.held = memoryview(b"x")

    def reset(self, *, seed=None, options=None):
        self.episodes = 0
        return super().reset(seed=seed)


class Drifting(Holding):
    """One that is another one each time: what it shows does not follow from its seed."""

    count = 0

    def reset(self, *, seed=None, options=None):
        Drifting.count += 1
        return super().reset(seed=seed)[0] + Drifting.count % 8, {}


def walk(env, random, steps):
    """What so many random steps show."""
    seen = []
    for _ in range(steps):
        obs, rewards, dones, infos = env.step(np.array([action(env, random) for _ in range(env.num_envs)]))
        returns = [float(info["episode"]["r"]) for info in infos if "episode" in info]
        seen.append((np.array(obs), rewards.copy(), dones.copy(), returns))
    return seen


def action(env, random):
    if isinstance(env.action_space, spaces.Box):
        return random.uniform(env.action_space.low, env.action_space.high).astype(env.action_space.dtype)
    return random.integers(env.action_space.n)


def stored(env):
    """The state as a file gives it back."""
    flat = flatten_state(environment_state(env))
    tensors = {name: value.clone() for name, value in flat.tensors.items()}
    return join_state(Flat(tensors, json.loads(json.dumps(flat.plain))))


def check(make, before=60, after=60):
    one, two = make(3), make(11)
    for env in (one, two):
        record_episodes(env)
    one.reset()
    walk(one, np.random.default_rng(1), before)
    state = stored(one)
    assert load_environment_state(two, state)
    ours, theirs = (walk(env, np.random.default_rng(2), after) for env in (one, two))
    for a, b in zip(ours, theirs, strict=True):
        assert all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))
    one.close()
    two.close()


@pytest.mark.parametrize("env_id", EXACT)
def test_registered_environments_go_on_exactly(env_id):
    module = env_id.partition("/")[0]
    if module == "MinAtar":
        pytest.importorskip("minatar")
    steps = {"CartPole-v1": 130, "pib_rl/ChipKeeper-v0": 10}.get(env_id, 60)  # each of the keeper's takes long
    check(lambda seed: make_vec_env(env_id, 3, seed=seed), steps, min(steps, 60))


def test_noise_dimensions_and_wrappers_go_on_too():
    check(lambda seed: make_vec_env("CartPole-v1", 3, seed=seed, distractors=2))
    check(lambda seed: make_vec_env("Pendulum-v1", 2, seed=seed, distractors=2), 230)
    check(lambda seed: VecFrameStack(make_single(Rolling, 2, seed=seed), 3))


def test_statistics_of_a_normaliser_go_on():
    def make(seed):
        return VecNormalize(make_single(Rolling, 2, seed=seed))

    check(make)


@pytest.mark.parametrize("kind", [Rolling, Holding])
def test_plain_environments_are_copied_and_others_played_again(kind):
    check(lambda seed: make_single(kind, 2, seed=seed))
    env = make_single(kind, 1, seed=3)
    record_episodes(env)
    env.reset()
    assert ("attributes" in env.envs[0].recorded_episode()) == (kind is Rolling)


def test_other_processes_go_on_where_the_recorder_is_put_around():
    check(lambda seed: make_single(Rolling, 2, seed, wrapper_class=EpisodeRecorder, vec_env_cls=SubprocVecEnv), 10, 10)


def test_what_does_not_arrive_is_told_apart(monkeypatch):
    one, two = (DummyVecEnv([Drifting]) for _ in range(2))
    for env in (one, two):
        record_episodes(env)
    one.reset()
    assert not load_environment_state(two, stored(one))
    record_episodes(one)
    assert one.envs[0].env.__class__ is Drifting  # recorded once
    monkeypatch.setattr(episodes, "LONGEST", 3)
    one.step(np.zeros((1, 2)))
    for _ in range(4):
        one.step(np.zeros((1, 2)))
    assert one.envs[0].recorded_episode() is None


def test_environments_of_others_that_nothing_is_known_of_do_not_arrive():
    one = make_single(Rolling, 2, 3, vec_env_cls=SubprocVecEnv)
    record_episodes(one)
    one.reset()
    assert not load_environment_state(one, stored(one))
    one.close()
