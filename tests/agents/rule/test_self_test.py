"""The self-test: it notices what broke, keeps still when nothing did, and brings outputs back."""

from __future__ import annotations

import pytest
import torch
from gymnasium import spaces

from pib_rl.agents import PIB
from pib_rl.agents.network.faults import inject
from pib_rl.agents.policy import PIBPolicy
from pib_rl.agents.rule.self_test import SelfTest
from pib_rl.common.streams import EXPLORATION, LEARNING, READ
from pib_rl.physical.faults import parse

STATES = torch.randn(600, 4, generator=torch.Generator().manual_seed(0))


def taught(hw: str = "memristive", seed: int = 0, **options) -> tuple[PIBPolicy, SelfTest]:
    """A policy with outputs for all states, which the test remembers."""
    policy = PIBPolicy(
        spaces.Box(-1, 1, (4,)), spaces.Discrete(2), hw=hw, width=48, units=1, seed=seed, hw_options=options
    )
    generator = torch.Generator().manual_seed(seed)
    policy.model.readout.array.program(
        0.05 * torch.randn(3, policy.model.readout.array.in_features, generator=generator)
    )
    test = SelfTest(policy.model, 0.3)
    test.remember(STATES, policy.model.outputs(STATES))
    return policy, test


@torch.inference_mode()
def error(policy: PIBPolicy, wanted: torch.Tensor) -> float:
    """Mean square error of the outputs in their variances."""
    return float(((policy.model.outputs(STATES) - wanted).square().mean(0) / wanted.var(0)).mean())


@pytest.mark.parametrize("hw", ["digital", "memristive", "optical"])
@pytest.mark.parametrize("seed", range(3))
def test_a_whole_chip_passes(hw, seed):
    assert not taught(hw, seed)[1].broken()


@pytest.mark.parametrize(
    ("hw", "fault", "left"),
    [
        ("memristive", "stuck:0.3", 0.15),
        ("memristive", "stuck:0.05", 0.3),
        ("optical", "rotate-medium:45", 0.05),
        ("optical", "dead-pixels:0.5", 0.05),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_a_broken_chip_is_noticed_and_its_outputs_come_back(hw, fault, left, seed):
    policy, test = taught(hw, seed)
    wanted = test.remembered.outputs
    inject(policy.model, parse(fault))
    before = error(policy, wanted)
    assert before > 1
    assert test.broken()
    log = test.restore(test.broken())
    after = error(policy, wanted)
    assert after < left * before
    assert log["train/broken"] == pytest.approx(before**0.5, rel=0.3)
    assert log["train/restored"] == pytest.approx(after**0.5, rel=0.5)
    assert not test.broken(), "what is lost is learned again, not asked for again and again"


def test_nothing_is_remembered_at_the_start_and_noise_is_nothing_to_remember():
    policy = PIBPolicy(
        spaces.Box(-1, 1, (4,)), spaces.Discrete(2), hw="memristive", width=8, hw_options={"read_noise": 0.5}
    )
    test = SelfTest(policy.model, 0.3)
    assert not test.broken()
    test.remember(STATES, policy.model.outputs(STATES))
    assert not test.broken(), "outputs of an untrained readout are nothing but noise"


def test_the_test_draws_from_no_stream_but_its_own_and_writes_nothing():
    policy, test = taught()
    (other, _), writes = taught(), policy.meter.totals()["writes"]
    test.broken()
    for stream in (READ, EXPLORATION, LEARNING):
        assert torch.equal(*(one.streams.normal(stream, STATES) for one in (policy, other)))
    assert policy.meter.totals()["writes"] == writes


@pytest.mark.parametrize("mode", ["pib", "frozen"])
def test_a_rollout_of_a_broken_chip_is_followed_by_a_restoration_alone(mode):
    model = PIB("MlpPolicy", "CartPole-v1", learner=mode, hw="memristive", width=16, n_steps=128, seed=0)
    model.learn(512)
    inject(model.policy.model, parse("stuck:0.5"))
    hidden = model.policy.model.network.chain[0].array.weights().clone()
    experienced = len(model.rule.history)
    model.learn(128, reset_num_timesteps=False)
    assert torch.equal(model.policy.model.network.chain[0].array.weights(), hidden)
    assert len(model.rule.history) == experienced
    assert {"train/broken", "train/restored"} <= set(model.logger.name_to_value)
    model.learn(128, reset_num_timesteps=False)
    assert len(model.rule.history) == experienced + 1


def test_it_can_be_switched_off():
    model = PIB("MlpPolicy", "CartPole-v1", hw="memristive", width=16, n_steps=128, seed=0, rule={"self_test": False})
    model.learn(512)
    inject(model.policy.model, parse("stuck:0.5"))
    model.learn(128, reset_num_timesteps=False)
    assert "train/broken" not in model.logger.name_to_value
