"""Numbers that are none: one line says where they came from, and nothing that learned is changed by them."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.vec_env import DummyVecEnv

from pib_rl.agents import ES, PIB
from pib_rl.agents.policy import Reader
from pib_rl.common.finite import Origin, check_arrays, check_finite
from pib_rl.physical.substrate import Read

SMALL = {"n_steps": 16, "width": 4, "seed": 0}
WRONG = [float("nan"), float("inf"), -float("inf"), 1e300]


class Bad(gym.Env):
    """Random numbers, of which one is wrong after so many steps of the whole life of the environment."""

    def __init__(self, at=None, value=np.nan, actions=None, where="observation", wide=True):
        self.observation_space = spaces.Box(-np.inf, np.inf, (3,), np.float64 if wide else np.float32)
        self.action_space = spaces.Discrete(2) if actions is None else actions
        self.at, self.value, self.where, self.life = at, value, where, 0

    def _seen(self):
        return self.np_random.normal(size=3).astype(self.observation_space.dtype)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return self._seen(), {}

    def step(self, action):
        self.life += 1
        self.steps += 1
        obs, reward, ended = self._seen(), float(self.np_random.normal()), self.steps == 7
        if self.life == self.at and self.where == "observation":
            obs[1] = self.value
        if self.life == self.at and self.where == "reward":
            reward = self.value
        if self.where == "end" and self.life >= self.at and ended:
            obs[1] = self.value
        return obs, reward, ended, False, {}


def state(agent):
    return {name: value.clone() for name, value in agent.policy.state_dict().items()}


def unchanged(agent, before):
    return all(
        torch.equal(value, before[name]) for name, value in agent.policy.state_dict().items() if "meter" not in name
    )


@pytest.mark.parametrize("value", WRONG)
@pytest.mark.parametrize("actions", [None, spaces.Box(-1, 1, (2,))], ids=["discrete", "box"])
def test_an_observation_that_is_no_number_is_named_and_poisons_nothing(value, actions):
    envs = DummyVecEnv([lambda: Bad(actions=actions), lambda: Bad(at=21, value=value, actions=actions)])
    agent = PIB("MlpPolicy", envs, **SMALL).learn(32)
    before = state(agent)
    with pytest.raises(ValueError, match=r"observation of environment 1 at step 42 is .* at place 1") as caught:
        agent.learn(64, reset_num_timesteps=False)
    assert "\n" not in str(caught.value)
    assert f"{value:g}" in str(caught.value)
    assert unchanged(agent, before)
    agent.learn(64, reset_num_timesteps=False)  # the wrong number is past
    assert all(buffer.isfinite().all() for buffer in agent.policy.buffers())


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_so_is_the_last_observation_of_an_episode(value):
    envs = DummyVecEnv([lambda: Bad(), lambda: Bad(at=8, value=value, where="end")])
    with pytest.raises(ValueError, match=r"observation of environment 1 at step 28 is .* at place 1"):
        PIB("MlpPolicy", envs, **SMALL).learn(64)


@pytest.mark.parametrize("value", WRONG[:3])
def test_so_is_a_reward(value):
    envs = DummyVecEnv([lambda: Bad(), lambda: Bad(at=21, value=value, where="reward")])
    agent = PIB("MlpPolicy", envs, **SMALL).learn(32)
    before = state(agent)
    with pytest.raises(ValueError, match=r"reward of environment 1 at step 42 is .*; rewards must be finite"):
        agent.learn(64, reset_num_timesteps=False)
    assert unchanged(agent, before)


@pytest.mark.parametrize("where", ["observation", "reward"])
def test_so_it_is_for_the_evolution_strategy(where):
    envs = DummyVecEnv([lambda: Bad(), lambda: Bad(at=3, where=where)])
    with pytest.raises(ValueError, match=f"{where} of environment 1 at step 6 is nan"):
        ES("MlpPolicy", envs, width=4, seed=0).learn(64)


@pytest.mark.parametrize("value", WRONG)
def test_predict_refuses_it(value):
    agent = PIB("MlpPolicy", Bad(), **SMALL)
    wrong = np.array([[0.0, 1.0, 2.0], [0.0, 1.0, value]])
    for ask in (agent.predict, Reader(agent.policy, Read.NOISY).predict):
        with pytest.raises(ValueError, match=r"observation 1 is .* at place 2"):
            ask(wrong)


def test_parts_of_a_dict_are_named():
    space = spaces.Dict({"arm": spaces.Box(-1, 1, (2,)), "eye": spaces.Box(0, 255, (12, 12, 1), np.uint8)})
    agent = PIB(
        "MultiInputPolicy", gym.wrappers.TransformObservation(Bad(), lambda obs: space.sample(), space), **SMALL
    )
    obs = space.sample()
    agent.predict(obs)
    obs["arm"][1] = np.nan
    with pytest.raises(ValueError, match=r"'arm' observation 0 is nan at place 1"):
        agent.predict(obs)


SLOW = [pytest.param(hw, marks=pytest.mark.slow) for hw in ("mzi", "oscillator")]


@pytest.mark.parametrize("hw", ["digital", "memristive", "memristive:pcm", "optical", *SLOW])
def test_an_update_that_diverges_leaves_the_state_from_before(hw):
    agent = PIB("MlpPolicy", Bad(actions=spaces.Box(-1, 1, (1,))), hw=hw, **SMALL).learn(32)
    agent.learn(48, reset_num_timesteps=False)  # no buffer of a healthy chip counts as lost
    before, remembered, real = state(agent), agent.rule.test.remembered, agent.policy.head.update_std

    def poisoned(*arguments):
        real(*arguments)
        agent.policy.head.log_std.fill_(torch.nan)

    agent.policy.head.update_std = poisoned
    with pytest.raises(ValueError, match=r"the training at step 96 diverged: head.log_std .*not finite.*from before"):
        agent.learn(32, reset_num_timesteps=False)
    assert unchanged(agent, before)
    assert agent.rule.test.remembered is remembered


def test_outputs_that_are_no_numbers_never_become_actions():
    agent = PIB("MlpPolicy", Bad(), **SMALL).learn(16)
    real, calls = agent.policy.model.outputs, []

    def broken(*arguments):
        calls.append(1)
        return real(*arguments) * (torch.nan if len(calls) == 5 else 1)

    agent.policy.model.outputs = broken
    with pytest.raises(ValueError, match="outputs, of which actions are made, are no finite numbers at step 20"):
        agent.learn(16, reset_num_timesteps=False)


def test_whole_numbers_and_nothing_at_all_pass():
    check_finite(torch.tensor([[2**62]]))
    check_finite(torch.zeros(0, 3))
    check_arrays({"a": np.array([1, 2]), "b": np.array([True])}, origin=Origin(3))
    check_arrays([0.5, 1e30])
