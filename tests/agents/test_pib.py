"""The agent as an algorithm of Stable-Baselines3."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
import torch
from agent_toys import SUBSTRATES
from gymnasium import spaces
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from pib_rl.agents import OBJECTIVES, PIB, RuleConfig
from pib_rl.agents.pib import READOUT_RATE, SAMPLES_PER_ROLLOUT

SMALL = {"n_steps": 32, "width": 4, "seed": 0}


class Fixed(gym.Env):
    """Rewards of one value; episodes of six steps."""

    observation_space, action_space = spaces.Box(-1, 1, (2,)), spaces.Discrete(2)

    def __init__(self, reward: float, offset: float = 0.0) -> None:
        self.reward, self.offset = reward, offset

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.at = 0
        return self.observation_space.sample() + np.float32(self.offset), {}

    def step(self, action):
        self.at += 1
        return self.observation_space.sample(), self.reward, self.at >= 6, False, {}


@pytest.mark.parametrize("hw", [*SUBSTRATES, "numpy-sine"])
def test_every_substrate_learns_by_name(hw):
    agent = PIB("MlpPolicy", "CartPole-v1", hw=hw, **SMALL)
    assert isinstance(agent, OnPolicyAlgorithm)
    before = agent.policy.model.network.chain[0].array.weights().clone()
    assert agent.learn(96) is agent
    assert agent.num_timesteps == 96
    assert not torch.equal(agent.policy.model.network.chain[0].array.weights(), before)
    assert all(buffer.isfinite().all() for buffer in agent.policy.buffers())


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective_learns_by_name(objective):
    option = "gain" if objective in ("ridge", "decoder") else "bandwidth"
    agent = PIB("MlpPolicy", "CartPole-v1", objective=objective, objective_options={option: 0.8}, **SMALL)
    agent.learn(64)
    objectives = [unit.objective for unit in agent.policy.model.network.chain]
    assert all(getattr(getattr(one, "saturation", one), option) == 0.8 for one in objectives)
    assert all(buffer.isfinite().all() for buffer in agent.policy.buffers())


@pytest.mark.parametrize("hw", SUBSTRATES)
def test_frozen_units_keep_every_bit_and_learning_ones_do_not(hw):
    for mode in ("frozen", "pib"):
        agent = PIB("MlpPolicy", "CartPole-v1", hw=hw, learner=mode, **SMALL)
        arrays = [unit.array for unit in agent.policy.model.network.chain]
        before, readout = [a.weights().clone() for a in arrays], agent.policy.model.readout.array.weights().clone()
        agent.learn(96)
        kept = [torch.equal(a.weights(), was) for a, was in zip(arrays, before, strict=True)]
        assert kept == [mode == "frozen"] * 2
        assert not torch.equal(agent.policy.model.readout.array.weights(), readout)


def test_continuous_actions_stay_in_bounds_while_learning():
    sent = []

    class Watch(gym.Wrapper):
        def step(self, action):
            sent.append(np.array(action))
            return super().step(action)

    agent = PIB("MlpPolicy", Watch(gym.make("Pendulum-v1")), **SMALL).learn(96)
    actions = np.stack(sent)
    assert actions.shape == (96, 1)
    assert np.abs(actions).max() <= 2.0
    assert np.abs(actions).max() > 1.0  # and use more than the middle
    assert agent.policy.head.log_std.isfinite().all()
    for deterministic in (True, False):
        chosen, _ = agent.predict(np.array([[0.1, 0.9, 5.0]]), deterministic=deterministic)
        assert agent.action_space.contains(chosen[0])


def test_the_default_rollout_has_as_many_samples_however_many_environments():
    for count in (1, 4):
        agent = PIB("MlpPolicy", make_vec_env("CartPole-v1", count), width=4)
        assert agent.n_steps * count == SAMPLES_PER_ROLLOUT


def test_the_log_has_the_groups_that_a_reader_looks_for():
    agent = PIB("MlpPolicy", "CartPole-v1", learning_rate=1e-3, **SMALL).learn(32)
    keys = set(agent.logger.name_to_value)
    assert {
        "train/learning_rate",
        "train/explained_variance",
        "train/approx_kl",
        "train/clip_fraction",
        "train/loss_unit1",
        "train/loss_unit2",
        "information/input_unit1",
        "information/target_unit2",
        "hardware/measurements",
        "hardware/writes",
    } <= keys
    assert agent.logger.name_to_value["hardware/measurements"] > 32 * 3
    assert agent.logger.name_to_value["hardware/writes"] > 0


def test_the_learning_rate_falls_to_zero_by_default_and_may_be_a_number():
    agent = PIB("MlpPolicy", "CartPole-v1", **SMALL).learn(64)
    assert agent.lr_schedule(1.0) == pytest.approx(READOUT_RATE)
    assert agent.logger.name_to_value["train/learning_rate"] == pytest.approx(0.0, abs=1e-9)
    fixed = PIB("MlpPolicy", "CartPole-v1", learning_rate=1e-4, **SMALL).learn(64)
    assert fixed.logger.name_to_value["train/learning_rate"] == pytest.approx(1e-4)


@pytest.mark.parametrize("decay", [0.5, 1.0])
def test_a_rollout_beyond_the_budget_moves_units_no_further(decay):
    agent = PIB(
        "MlpPolicy",
        "CartPole-v1",
        hw="memristive",
        **SMALL,
        rule={"hidden_decay": decay, "ent_coef": 0.1, "ent_decay": decay},
    )
    agent.learn(33)  # two rollouts of 32: the second ends at twice the budget
    assert agent._current_progress_remaining < 0
    before = [unit.array.weights().clone() for unit in agent.policy.model.network.chain]
    agent.train()
    for unit, old in zip(agent.policy.model.network.chain, before, strict=True):
        assert torch.equal(unit.array.weights(), old)


@pytest.mark.parametrize(
    ("rollouts", "decay"), [(10, 1.0), (48, 1.0), (72, 2.0), (120, 4.0), (500, 4.0), (float("inf"), 4.0)]
)
def test_units_of_short_trainings_move_for_longer(rollouts, decay):
    assert RuleConfig().rate_left(0.5, rollouts) == pytest.approx(0.5**decay)
    assert RuleConfig(hidden_decay=3.0).rate_left(0.5, rollouts) == pytest.approx(0.5**3)


def test_an_agent_knows_how_many_rollouts_its_training_has():
    agent = PIB("MlpPolicy", "CartPole-v1", **SMALL).learn(96)
    assert agent.rule.learner.rollouts == 3
    agent.learn(32, reset_num_timesteps=False)
    assert agent.rule.learner.rollouts == 4


def test_settings_reach_the_rule_and_the_policy():
    agent = PIB(
        "MlpPolicy",
        "CartPole-v1",
        gamma=0.9,
        gae_lambda=0.8,
        ent_coef=0.01,
        rule={"ridge": 0.7},
        units=3,
        hw="optical",
        hw_options={"camera_pixels": 16},
        **SMALL,
    )
    config = agent.rule.config
    assert (config.gamma, config.gae_lambda, config.ent_coef, config.ridge) == (0.9, 0.8, 0.01, 0.7)
    assert agent.policy.returns.gamma == 0.9
    assert len(agent.policy.model.network.chain) == 3
    assert agent.policy.model.network.chain[0].medium.out_features == 16


def test_works_behind_a_normalising_wrapper():
    env = VecNormalize(make_vec_env("CartPole-v1", 2))
    agent = PIB("MlpPolicy", env, **SMALL).learn(128)
    assert agent.num_timesteps == 128


@pytest.mark.parametrize("reward", [float("nan"), float("inf")])
def test_rewards_that_are_no_numbers_stop_the_training(reward):
    agent = PIB("MlpPolicy", DummyVecEnv([lambda: Monitor(Fixed(reward))]), **SMALL)
    with pytest.raises(ValueError, match=f"reward of environment 0 at step 1 is {reward}; rewards must be finite"):
        agent.learn(32)


def test_rewards_that_never_differ_leave_all_numbers_finite():
    for reward in (0.0, 1.0):
        agent = PIB("MlpPolicy", Fixed(reward), **SMALL).learn(96)
        assert all(buffer.isfinite().all() for buffer in agent.policy.buffers())


def test_a_vector_environment_of_gymnasium_is_refused_with_the_cure():
    with pytest.raises(ValueError, match=r"gymnasium\.vector.*make_vec_env"):
        PIB("MlpPolicy", gym.make_vec("CartPole-v1", num_envs=2))


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ({"hw": "memristiv"}, "unknown substrate 'memristiv'; did you mean memristive"),
        ({"objective": "gausian"}, "unknown objective 'gausian'; did you mean gaussian"),
        ({"hw": "optical", "hw_options": {"photon": 3}}, "optical has no option 'photon'; did you mean photons"),
        ({"learner": "thawed"}, "unknown learner 'thawed'"),
        ({"n_steps": 0}, "n_steps must be >= 1, got 0"),
        ({"width": 0}, r"width must be a whole number in 1\.\.100000, got 0"),
    ],
)
def test_wrong_arguments_name_themselves_and_the_nearest_right_one(argument, message):
    with pytest.raises(ValueError, match=message):
        PIB("MlpPolicy", "CartPole-v1", **argument)
