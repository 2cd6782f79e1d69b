"""The clipped surrogate against its definition, and the bound on what one sample may push."""

from __future__ import annotations

import math

import pytest
import torch
from learner_toys import ACTIONS, live, make_learner, normal

from pib_rl.agents.rule.config import RuleConfig
from pib_rl.agents.rule.readout_loss import clipped_surrogate, readout_gradient, readout_loss

CHANGE = torch.tensor([-1.0, -0.1, 0.1, 0.8, 2.0, 30.0]).repeat(2)
ADVANTAGE = torch.tensor([1.0] * 6 + [-1.0] * 6)


def by_definition(change, dual):
    """max(min(r A, clip(r) A), d A) where A < 0, the minimum alone elsewhere."""
    advantage = (ADVANTAGE - ADVANTAGE.mean()) / ADVANTAGE.std()
    ratio = change.exp()
    gain = torch.minimum(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage)
    return torch.where(advantage < 0, torch.maximum(gain, dual * advantage), gain)


@pytest.mark.parametrize("dual", [3.0, None])
def test_gain_and_push_are_those_of_the_definition(dual):
    change = CHANGE.clone().requires_grad_()
    expected = by_definition(change, math.inf if dual is None else dual)
    expected.sum().backward()
    found = clipped_surrogate(CHANGE, ADVANTAGE, 0.2, dual)
    torch.testing.assert_close(found.gain, expected.detach())
    torch.testing.assert_close(found.push, change.grad)
    assert torch.equal(found.held, change.grad == 0)


def test_no_sample_pushes_more_than_the_bound():
    bounded, free = (clipped_surrogate(CHANGE, ADVANTAGE, 0.2, dual).push.abs().max() for dual in (3.0, None))
    assert bounded < 3 < 1e12 < free


@pytest.mark.parametrize("value", [1.2, 0.5, math.inf, math.nan])
def test_the_bound_lies_beyond_the_clipping(value):
    with pytest.raises(ValueError, match=r"dual_clip must be > 1 \+ clip_range, 1.2, got"):
        RuleConfig(dual_clip=value)


@pytest.mark.parametrize("settings", [{}, {"vf_coef": 0.2}, {"clip_range_vf": 0.3}, {"normalize_advantage": False}])
@pytest.mark.parametrize("bonus", [0.0, 0.2])
@pytest.mark.parametrize("action", ACTIONS)
def test_the_gradient_is_that_of_the_loss(action, bonus, settings):
    policy, config = make_learner("frozen", action).policy, RuleConfig(**settings)
    samples = live(policy, 40)
    old = policy.head.log_prob(samples.parameters, samples.actions)
    leaf = (samples.outputs + 0.5 * normal(*samples.outputs.shape, seed=7)).clone().requires_grad_()
    rest = samples, old, policy.head, config, bonus
    readout_loss(policy.split(leaf), *rest).backward()
    found = readout_gradient(policy.split(leaf.detach()), *rest)
    assert 0 < found.surrogate.held.sum() < 40
    torch.testing.assert_close(found.gradient, leaf.grad, rtol=1e-4, atol=1e-6)


def test_what_settings_weigh_in_the_loss():
    policy = make_learner("frozen", next(iter(ACTIONS))).policy
    samples = live(policy, 40)
    old = policy.head.log_prob(samples.parameters, samples.actions)
    outputs = samples.outputs.clone()
    outputs[..., -1] += torch.linspace(-1, 1, 40)

    def loss(**settings):
        return readout_loss(policy.split(outputs), samples, old, policy.head, RuleConfig(**settings), 0.0)

    error = (outputs[..., -1] - samples.returns).square().mean()
    torch.testing.assert_close(loss(vf_coef=0.7) - loss(vf_coef=0.2), 0.5 * error)
    near = samples.values + torch.linspace(-1, 1, 40).clamp(-0.3, 0.3)
    bounded = (near - samples.returns).square().mean()
    torch.testing.assert_close(loss(clip_range_vf=0.3) - loss(), 0.5 * (bounded - error))
    gain = loss(vf_coef=0.0, normalize_advantage=False)  # of an unchanged policy
    torch.testing.assert_close(gain, -samples.advantage.mean(), rtol=1e-4, atol=1e-5)
