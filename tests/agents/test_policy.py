"""The policy: repeatable predictions, a complete state, and what it makes of observations and actions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from agent_toys import SUBSTRATES
from gymnasium import spaces

from pib_rl.agents import PIBPolicy, Reader
from pib_rl.physical.substrate import Read

BOX = spaces.Box(-np.inf, np.inf, (5,))
FLAT = spaces.Box(-1, 1, (2,))
TWO = spaces.Discrete(2)


def make(hw: str = "digital", seed: int = 0, observation=BOX, action=TWO, **kwargs) -> PIBPolicy:
    policy = PIBPolicy(observation, action, hw=hw, width=6, seed=seed, **kwargs)
    generator = torch.Generator().manual_seed(3)
    array = policy.model.readout.array
    array.program(torch.randn(array.out_features, array.in_features, generator=generator) / 4)
    return policy


def observations(n: int = 20) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(n, 5)).astype(np.float32)


@pytest.mark.parametrize("action", [TWO, FLAT], ids=["discrete", "box"])
@pytest.mark.parametrize("hw", SUBSTRATES)
def test_deterministic_predictions_repeat_bit_for_bit(hw, action):
    policy = make(hw, action=action)
    first, _ = policy.predict(observations(), deterministic=True)
    for _ in range(3):
        policy.predict(observations(), deterministic=False)  # draws of noise in between change nothing
        again, _ = policy.predict(observations(), deterministic=True)
        np.testing.assert_array_equal(again, first)


@pytest.mark.parametrize("hw", ["memristive", "optical"])
def test_read_modes_differ_and_only_noise_differs_between_calls(hw):
    policy, obs = make(hw, action=FLAT), torch.from_numpy(observations())
    noisy, again = policy.model.outputs(obs), policy.model.outputs(obs)
    mean, repeat = policy.model.outputs(obs, Read.MEAN), policy.model.outputs(obs, Read.MEAN)
    assert torch.equal(mean, repeat)
    assert not torch.equal(noisy, again)
    assert not torch.equal(mean, policy.model.outputs(obs, Read.IDEAL))
    by_reader = Reader(policy, Read.MEAN).predict(observations(), deterministic=True)[0]
    np.testing.assert_array_equal(by_reader, policy.predict(observations(), deterministic=True)[0])
    noisy_reader = Reader(policy, Read.NOISY)
    first, second = (noisy_reader.predict(observations(), deterministic=True)[0] for _ in range(2))
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("hw", SUBSTRATES)
def test_constructor_parameters_rebuild_the_policy(hw):
    policy = make(hw, seed=7, objective="cka", objective_options={"bandwidth": 0.5}, units=3)
    other = PIBPolicy(**policy._get_constructor_parameters())
    assert other._get_constructor_parameters() == policy._get_constructor_parameters()
    fresh = PIBPolicy(BOX, TWO, hw=hw, width=6, seed=7, objective="cka", objective_options={"bandwidth": 0.5}, units=3)
    for (key, value), (same, expected) in zip(other.state_dict().items(), fresh.state_dict().items(), strict=True):
        assert key == same
        assert torch.equal(value, expected), key
    assert other.model.network.chain[0].objective.bandwidth == 0.5


@pytest.mark.parametrize("hw", SUBSTRATES)
def test_the_state_holds_the_whole_chip(hw):
    policy, other = make(hw, seed=1, action=FLAT), make(hw, seed=2, action=FLAT)
    policy.model.normaliser.update(torch.randn(30, 5, generator=torch.Generator().manual_seed(0)) * 3)
    one, two = (chip.predict(observations(), deterministic=True)[0] for chip in (policy, other))
    assert not np.array_equal(one, two)
    other.load_state_dict(policy.state_dict())
    np.testing.assert_array_equal(other.predict(observations(), deterministic=True)[0], one)
    ideal = [chip.model.outputs(torch.from_numpy(observations()), Read.IDEAL) for chip in (policy, other)]
    assert torch.equal(*ideal)


def test_the_state_holds_how_each_device_takes_a_write():
    one, two = (make("memristive", seed=seed, hw_options={"write_noise": 0.0}) for seed in (1, 2))
    two.load_state_dict(one.state_dict())
    for chip in (one, two):
        chip.model.network.chain[0].array.program(torch.full((6, 5), 0.1))
    assert torch.equal(*(chip.model.network.chain[0].array.weights() for chip in (one, two)))


@pytest.mark.parametrize("action", [TWO, FLAT], ids=["discrete", "box"])
@pytest.mark.parametrize("hw", SUBSTRATES)
def test_the_state_is_floats_and_nothing_empty(hw, action):
    state = make(hw, action=action).state_dict()
    assert all(value.is_floating_point() and value.numel() for value in state.values())


def test_saving_a_policy_on_its_own(tmp_path):
    policy = make("memristive", action=FLAT)
    policy.save(str(tmp_path / "policy.pt"))
    loaded = PIBPolicy.load(str(tmp_path / "policy.pt"))
    np.testing.assert_array_equal(
        loaded.predict(observations(), deterministic=True)[0], policy.predict(observations(), deterministic=True)[0]
    )


def test_the_same_seed_fabricates_the_same_chip_and_another_another():
    one, same, other = (make("optical", seed=seed).state_dict() for seed in (4, 4, 5))
    assert all(torch.equal(one[key], same[key]) for key in one)
    key = "model.network.units.0.medium.transmission"
    assert not torch.equal(one[key], other[key])


def test_values_and_log_probabilities_agree_between_entry_points():
    for action in (TWO, FLAT):
        policy, obs = make(action=action), torch.from_numpy(observations())
        actions, values, logs = policy(obs)
        again, same, entropy = policy.evaluate_actions(obs, actions)
        torch.testing.assert_close(again, values)
        torch.testing.assert_close(same, logs)
        assert torch.equal(policy.predict_values(obs), values)
        assert values.shape == (20, 1)
        assert entropy.shape == logs.shape == (20,)


def test_the_normaliser_stands_between_observation_and_hardware():
    policy, obs = make(), torch.from_numpy(observations())
    plain = policy.model.outputs(obs)
    policy.model.normaliser.mean.fill_(2.0)
    policy.model.normaliser.std.fill_(3.0)
    policy.model.normaliser.restore()
    torch.testing.assert_close(policy.model.outputs(obs * 3 + 2), plain)


def test_actions_reach_the_bounds_of_the_box_and_never_pass_them():
    space = spaces.Box(np.array([-2.0, 0.0], dtype=np.float32), np.array([2.0, 10.0], dtype=np.float32))
    policy = make(action=space)
    sent = policy.to_env(np.array([[0.0, 0.0], [-9.0, 9.0], [0.5, -0.5]], dtype=np.float32))
    np.testing.assert_allclose(sent, [[0.0, 5.0], [-2.0, 10.0], [1.0, 2.5]], rtol=1e-6)
    policy.model.readout.array.program(50 * torch.ones(3, policy.model.network.tap_features + 1))
    for deterministic in (True, False):
        actions, _ = policy.predict(observations(200), deterministic=deterministic)
        assert ((actions >= space.low) & (actions <= space.high)).all()
        assert (actions == space.high).any()


def test_an_unbounded_box_takes_actions_as_they_are():
    policy = make(action=spaces.Box(-np.inf, np.inf, (2,)))
    np.testing.assert_array_equal(policy.to_env(np.array([[3.0, -40.0]])), [[3.0, -40.0]])


def test_state_dependent_exploration_is_refused():
    with pytest.raises(ValueError, match="use_sde is not supported"):
        PIBPolicy(BOX, TWO, use_sde=True)
