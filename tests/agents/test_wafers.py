"""Policies and agents on wafers: one policy per chip, environments of its own for each, one batch for all."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from agent_toys import Episodes
from gymnasium import spaces
from stable_baselines3.common.env_util import make_vec_env
from torch import Tensor
from wafers import HARDWARE, IDS

from pib_rl.agents import LEARNERS, PIB, PIBPolicy, RuleConfig
from pib_rl.agents.learners.registry import find_learner
from pib_rl.agents.network.chip import ChipConfig
from pib_rl.agents.network.faults import inject
from pib_rl.physical.faults import parse
from pib_rl.physical.substrate import Read

CHIPS, SEED, D = 3, 5, 4
BOX = spaces.Box(-np.inf, np.inf, (D,))
ACTIONS = {"discrete": spaces.Discrete(3), "box": spaces.Box(-1, 1, (2,))}
SMALL = {"n_steps": 16, "width": 4, "seed": SEED, "rule": {"hidden_steps": 2, "epochs": 2}}


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def make(hw: str = "digital", action: str = "discrete", chips: int = CHIPS, **options) -> PIBPolicy:
    """A policy whose readouts say something, another thing on each chip."""
    policy = PIBPolicy(BOX, ACTIONS[action], hw=hw, hw_options=options, width=6, seed=SEED, chips=chips)
    axes, size = policy.streams.chips, policy.model.network.tap_features + 1
    policy.model.readout.array.program(0.3 * normal(*axes, policy.head.outputs + 1, size, seed=8))
    return policy


def near(found: Tensor, wanted: Tensor, within: float = 0.02) -> bool:
    """A sum in another order may end in the next code of a converter; more than that it may not differ."""
    return found.shape == wanted.shape and float((found - wanted).norm() / wanted.norm()) < within


@pytest.mark.parametrize(("hw", "options"), HARDWARE, ids=IDS)
def test_the_policy_of_a_chip_says_what_the_wafer_says_for_it(hw, options):
    policy, obs = make(hw, **options), normal(CHIPS, 30, D)
    policy.model.normaliser.update(obs * 2 + torch.arange(3.0)[:, None, None])
    inject(policy.model, parse("dead-unit:1") if hw == "digital" else parse(f"{spreadable(policy)}:0..0.3"))
    together = policy.model.outputs(obs, Read.MEAN)
    assert together.shape == (CHIPS, 30, 4)
    for chip in range(CHIPS):
        single = policy.of_chip(chip)
        assert single.streams.chips == ()
        assert single.model.chip == ChipConfig(hw=hw, hw_options=options, width=6, seed=SEED + chip)
        whole, own = policy.state_dict(), single.state_dict()
        for name, value in own.items():
            found = whole[name] if whole[name].shape == value.shape else whole[name][chip]
            assert torch.equal(found, value), name
        assert near(single.model.outputs(obs[chip], Read.MEAN), together[chip])
    assert not near(together[0], together[1])


def spreadable(policy: PIBPolicy) -> str:
    """A fault that devices or pixels of this hardware can have one by one."""
    offered = {
        kind for unit in policy.model.network.chain for part in (unit.medium, unit.array) for kind in part.faults()
    }
    return "stuck" if "stuck" in offered else "dead-pixels"


@pytest.mark.parametrize("hw", ["digital", "memristive", "optical"])
def test_a_wafer_is_fabricated_as_its_chips_are_alone(hw):
    wafer = PIBPolicy(BOX, ACTIONS["box"], hw=hw, width=6, seed=SEED, chips=CHIPS).state_dict()
    for chip in range(CHIPS):
        single = PIBPolicy(BOX, ACTIONS["box"], hw=hw, width=6, seed=SEED + chip).state_dict()
        assert single.keys() == wafer.keys()
        for name, value in single.items():
            if ".control." in name or ".meter." in name or name.startswith("meter."):
                continue  # set by a calibration with inputs and noise of its own
            found = wafer[name] if wafer[name].shape == value.shape else wafer[name][chip]
            torch.testing.assert_close(found, value, rtol=1e-4, atol=1e-5, msg=lambda text, name=name: f"{name} {text}")


@pytest.mark.parametrize("action", ACTIONS)
def test_observations_and_actions_of_all_chips_come_in_one_batch(action):
    policy, obs = make(action=action), normal(CHIPS * 4, D)
    singles = [policy.of_chip(chip) for chip in range(CHIPS)]
    parts = obs.view(CHIPS, 4, D)
    chosen, _ = policy.predict(obs.numpy(), deterministic=True)
    expected = [
        single.predict(part.numpy(), deterministic=True)[0] for single, part in zip(singles, parts, strict=True)
    ]
    np.testing.assert_allclose(chosen, np.concatenate(expected), rtol=1e-4, atol=1e-5)
    values = policy.predict_values(obs)
    own = torch.cat([single.predict_values(part) for single, part in zip(singles, parts, strict=True)])
    torch.testing.assert_close(values, own)
    actions, again, logs = policy(obs)
    assert actions.shape == ((12,) if action == "discrete" else (12, 2))
    torch.testing.assert_close(again, values)
    assert logs.shape == (12,)
    for found, wanted in zip(
        policy.evaluate_actions(obs, actions),
        zip(
            *(s.evaluate_actions(p, a) for s, p, a in zip(singles, parts, actions.chunk(CHIPS), strict=True)),
            strict=True,
        ),
        strict=True,
    ):
        torch.testing.assert_close(found, torch.cat(wanted))
    torch.testing.assert_close(policy.evaluate_actions(obs, actions)[1], logs)


def test_grouping_is_by_chip_and_undone_again():
    policy, values = make(), torch.arange(24).view(12, 2)
    assert torch.equal(policy.grouped(values), values.view(3, 4, 2))
    assert torch.equal(policy.ungrouped(policy.grouped(values)), values)
    single = policy.of_chip(0)
    assert single.grouped(values) is values
    assert single.ungrouped(values) is values
    with pytest.raises(ValueError, match="a wafer of 3 chips needs as many observations for each, got 10 in all"):
        policy.grouped(values[:10])
    with pytest.raises(ValueError, match="got 10 in all"):
        policy.predict(np.zeros((10, D), dtype=np.float32))


@pytest.mark.parametrize("chip", [-1, 3])
def test_a_chip_that_is_not_there_is_refused(chip):
    with pytest.raises(ValueError, match=rf"chip must be in 0\.\.2, the chips of this wafer, got {chip}"):
        make().of_chip(chip)


def test_a_single_chip_is_its_own_policy():
    policy = make(chips=1)
    assert policy.of_chip(0) is policy
    with pytest.raises(ValueError, match=r"chip must be in 0\.\.0, the chips of this wafer, got 1"):
        policy.of_chip(1)


@pytest.mark.parametrize("hw", ["digital", "memristive", "optical"])
def test_an_agent_on_a_wafer_learns_on_every_chip(hw):
    agent = PIB("MlpPolicy", make_vec_env("CartPole-v1", CHIPS * 2), hw=hw, chips=CHIPS, **SMALL)
    before = {name: value.clone() for name, value in agent.policy.state_dict().items()}
    agent.learn(320)  # the first rollout teaches decoders alone; one this short may be taken for a break
    assert agent.num_timesteps == 320, "steps of one chip"
    assert agent.rollout.obs.shape == (CHIPS, 16, 2, 4)
    assert agent.policy.model.chip.chips == CHIPS
    arrays = [*(unit.array for unit in agent.policy.model.network.chain), agent.policy.model.readout.array]
    for array, name in zip(arrays, ("network.units.0", "network.units.1", "readout"), strict=True):
        key = "difference" if hw == "memristive" else "weight"
        moved = (array.weights() != before[f"model.{name}.array.{key}"]).flatten(1).any(1)
        assert moved.tolist() == [True] * CHIPS, name
    assert all(value.isfinite().all() for value in agent.policy.state_dict().values())
    assert agent.predict(np.zeros((6, 4), dtype=np.float32), deterministic=True)[0].shape == (6,)


def test_environments_belong_to_one_chip_each_in_order():
    agent = PIB("MlpPolicy", make_vec_env(Episodes, CHIPS * 2), chips=CHIPS, **SMALL).learn(64)
    rollout = agent.rollout
    episode, at = rollout.obs[..., 0], rollout.obs[..., 1]
    assert torch.equal(rollout.rewards, at + 1)
    assert torch.equal(rollout.next_obs, torch.stack([episode, at + 1], -1)), "never that of a reset"
    last, kind = at == Episodes.LENGTH - 1, episode % 3
    assert torch.equal(rollout.terminated, (last & (kind != 1)).float())
    assert torch.equal(rollout.truncated, (last & (kind == 1)).float())


def test_the_default_rollout_has_as_many_samples_of_each_chip_as_of_a_single_one():
    wafer = PIB("MlpPolicy", make_vec_env("CartPole-v1", CHIPS * 4), chips=CHIPS, width=4)
    single = PIB("MlpPolicy", make_vec_env("CartPole-v1", 4), width=4)
    assert (wafer.n_steps, wafer.envs_per_chip) == (single.n_steps, single.envs_per_chip)


@pytest.mark.parametrize("action", ["CartPole-v1", "Pendulum-v1"])
def test_an_agent_on_a_wafer_is_saved_and_loaded(action, tmp_path):
    agent = PIB("MlpPolicy", make_vec_env(action, CHIPS * 2), hw="memristive", chips=CHIPS, **SMALL).learn(32)
    agent.save(tmp_path / "agent")
    loaded = PIB.load(tmp_path / "agent", make_vec_env(action, CHIPS * 2))
    ours, theirs = agent.policy.state_dict(), loaded.policy.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())
    loaded.learn(32, reset_num_timesteps=False)
    assert loaded.num_timesteps == 64


def test_environments_that_do_not_divide_among_the_chips_are_refused():
    words = r"a wafer of 3 chips needs equally many environments for each chip, got 4 in all; .*n_envs=24"
    with pytest.raises(ValueError, match=words):
        PIB("MlpPolicy", make_vec_env("CartPole-v1", 4), chips=CHIPS, **SMALL)


@pytest.mark.parametrize("learner", sorted(LEARNERS))
def test_a_learner_trains_a_wafer_or_says_that_it_does_not(learner):
    kind = find_learner(learner)
    model = PIBPolicy(BOX, ACTIONS["discrete"], width=4, chips=CHIPS, action_inputs=kind.target_inputs).model
    if kind.wafers:
        assert kind(model, RuleConfig()).model is model
        return
    words = rf"{kind.__name__} trains one chip at a time, got 3 chips; take a learner that trains a wafer"
    with pytest.raises(ValueError, match=words):
        kind(model, RuleConfig())


def test_hardware_that_makes_one_chip_at_a_time_is_refused():
    with pytest.raises(ValueError, match="numpy-sine makes one chip at a time, got 3 chips"):
        PIB("MlpPolicy", make_vec_env("CartPole-v1", CHIPS), hw="numpy-sine", chips=CHIPS, **SMALL)
    with pytest.raises(ValueError, match="remote makes one chip at a time, got 3 chips"):
        make("remote")


@pytest.mark.parametrize("chips", [0, 2.5, "two"])
def test_chips_are_a_whole_number(chips):
    with pytest.raises(ValueError, match=rf"chips must be a whole number in 1\.\.10000, got {chips!r}"):
        ChipConfig(chips=chips)
