"""Saving, loading and going on."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from agent_toys import SUBSTRATES
from stable_baselines3.common.env_util import make_vec_env

from pib_rl.agents import PIB

SMALL = {"n_steps": 32, "width": 4, "seed": 3}


def states() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)


@pytest.mark.parametrize("mode", ["pib", "frozen"])
@pytest.mark.parametrize("hw", [*SUBSTRATES, "numpy-sine"])
def test_a_round_trip_keeps_every_bit(hw, mode, tmp_path):
    agent = PIB("MlpPolicy", "CartPole-v1", hw=hw, learner=mode, units=3, **SMALL).learn(64)
    agent.save(tmp_path / "agent")
    before = {key: value.clone() for key, value in agent.policy.named_buffers()}
    loaded = PIB.load(tmp_path / "agent")
    for key, value in loaded.policy.named_buffers():
        assert torch.equal(value, before[key]), key
        assert value.dtype == before[key].dtype
    one, two = (model.predict(states(), deterministic=True)[0] for model in (agent, loaded))
    np.testing.assert_array_equal(one, two)
    ours, theirs = (model.policy.model.outputs(torch.from_numpy(states()), "mean") for model in (agent, loaded))
    assert torch.equal(ours, theirs)
    if mode == "pib":  # what the decoder of the last unit learned came along
        assert loaded.policy.model.network.chain[-1].objective.decoder.weights.any()
    assert (loaded.learner, loaded.num_timesteps, loaded.seed) == (mode, 64, 3)


@pytest.mark.parametrize("hw", SUBSTRATES)
def test_a_loaded_agent_goes_on_learning(hw, tmp_path):
    PIB("MlpPolicy", "CartPole-v1", hw=hw, rule={"ridge": 0.7}, **SMALL).learn(64).save(tmp_path / "agent")
    loaded = PIB.load(tmp_path / "agent", env=make_vec_env("CartPole-v1", 2))
    assert loaded.rule.config.ridge == 0.7
    before = {key: value.clone() for key, value in loaded.policy.state_dict().items()}
    loaded.learn(128, reset_num_timesteps=False)
    assert loaded.num_timesteps == 64 + 128
    after = loaded.policy.state_dict()
    for part in ("network.units.0.array", "network.units.1.array", "readout.array", "normaliser.mean"):
        assert any(not torch.equal(after[key], before[key]) for key in after if key.startswith(f"model.{part}")), part
    assert after["model.normaliser.count"] == 64 + 128
    assert after["model.network.units.0.optimiser.count"] > before["model.network.units.0.optimiser.count"]


def test_continuous_actions_keep_their_spread(tmp_path):
    agent = PIB("MlpPolicy", "Pendulum-v1", **SMALL).learn(64)
    agent.save(tmp_path / "agent")
    loaded = PIB.load(tmp_path / "agent")
    assert torch.equal(loaded.policy.head.log_std, agent.policy.head.log_std)
    assert not torch.equal(loaded.policy.head.log_std, torch.full((1,), -0.5))


def test_files_and_parameters_travel_without_a_path():
    agent = PIB("MlpPolicy", "CartPole-v1", hw="memristive", **SMALL).learn(32)
    buffer = io.BytesIO()
    agent.save(buffer)
    buffer.seek(0)
    loaded = PIB.load(buffer)
    other = PIB("MlpPolicy", "CartPole-v1", hw="memristive", n_steps=32, width=4, seed=11)
    other.set_parameters(agent.get_parameters())
    for model in (loaded, other):
        np.testing.assert_array_equal(
            model.predict(states(), deterministic=True)[0], agent.predict(states(), deterministic=True)[0]
        )


def test_learning_again_starts_a_new_count_and_keeps_what_was_learned():
    agent = PIB("MlpPolicy", "CartPole-v1", **SMALL).learn(64)
    weight = agent.policy.model.readout.array.weights().clone()
    agent.learn(32)
    assert agent.num_timesteps == 32
    assert agent.policy.model.normaliser.count.item() == 96
    assert not torch.equal(agent.policy.model.readout.array.weights(), weight)
    assert not torch.equal(weight, torch.zeros_like(weight))


@pytest.mark.parametrize("lost", ["freedom", "explained", "everything"])
def test_parameters_of_another_version_end_in_one_line(lost, tmp_path):
    agent = PIB("MlpPolicy", "CartPole-v1", **SMALL)
    agent.save(tmp_path / "agent")
    parameters = agent.get_parameters()
    state = parameters["policy"]
    for name in [name for name in state if name.endswith(lost)]:
        state[name] = state[name].new_zeros(7)  # as targets of another size leave it
    found = {} if lost == "everything" else parameters
    with pytest.raises(RuntimeError, match=r"do not fit this agent \(.*version of pib_rl.*or train again$") as caught:
        agent.set_parameters(found)
    assert "\n" not in str(caught.value)
    assert PIB.load(tmp_path / "agent").num_timesteps == 0


def test_parameters_of_unknown_parts_are_wrong_values_as_in_stable_baselines3():
    agent = PIB("MlpPolicy", "CartPole-v1", **SMALL)
    parameters = agent.get_parameters()
    for wrong, exact in ((parameters | {"what": {}}, True), (parameters | {"what": {}}, False), ({}, True)):
        with pytest.raises(ValueError, match="do not fit this agent"):
            agent.set_parameters(wrong, exact_match=exact)


def test_a_state_holds_what_parts_share_once_and_loads_from_files_that_do_not():
    agent = PIB("MlpPolicy", "CartPole-v1", hw="memristive", **SMALL).learn(32)
    state = agent.policy.state_dict()
    storages = [value.untyped_storage().data_ptr() for value in state.values()]
    assert len(set(storages)) == len(storages)
    assert [name for name in state if "meter.writes" in name] == ["model.meter.writes"]
    spent, other = agent.policy.meter.totals(), PIB("MlpPolicy", "CartPole-v1", hw="memristive", n_steps=32, width=4)
    for given in (state, state | {f"model.network.meter.{name}": state[f"model.meter.{name}"] for name in ("writes",)}):
        other.policy.load_state_dict(given)
        assert other.policy.meter.totals() == spent
        assert other.policy.model.readout.meter.totals() == spent
