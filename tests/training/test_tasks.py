"""Every task with its tuned settings on every substrate; continuous actions and the clock on real environments."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from chips import shipped

from pib_rl.training.config import from_arguments
from pib_rl.training.loop import close
from pib_rl.training.run import build

pytestmark = pytest.mark.usefixtures("few_steps")

TASKS = ("CartPole-v1", "Acrobot-v1", "LunarLander-v3", "Pendulum-v1", "MountainCarContinuous-v0", "BipedalWalker-v3")


def agent(*arguments: str):
    return build(from_arguments([*arguments, "--width", "8", "--n-envs", "2"], "train"))


def pairs():
    """All tasks on all substrates, but for the one that needs an address; most of them wait for the slow suite."""
    found = []
    for env in TASKS:
        for hw in [name for name in shipped() if name != "remote"]:
            now = hw == "memristive" or env == "CartPole-v1"
            found.append(pytest.param(env, hw, marks=() if now else pytest.mark.slow))
    return found


@pytest.mark.parametrize(("env", "hw"), pairs())
def test_every_task_learns_on_every_substrate(env, hw):
    model = agent(env, "--hw", hw, "--n-steps", "24")
    before = [unit.array.weights().clone() for unit in model.policy.model.network.chain]
    model.learn(240)  # the first rollout teaches decoders alone; one this short may be taken for a break
    assert model.num_timesteps == 240
    for unit, start in zip(model.policy.model.network.chain, before, strict=True):
        assert torch.isfinite(unit.array.weights()).all()
        assert not torch.equal(unit.array.weights(), start)
    assert model.policy.model.readout.array.weights().abs().sum() > 0
    close(model)


def test_pendulum_is_cut_by_the_clock_and_its_value_goes_on():
    model = agent("Pendulum-v1", "--n-steps", "410").learn(1640)  # the second rollout has values that are not zero
    rollout = model.rollout
    assert rollout.terminated.sum() == 0
    cuts = rollout.truncated[:, 0].nonzero().flatten()
    assert cuts.tolist() == [189, 389]  # episodes of 200 steps
    assert torch.equal(rollout.truncated[:, 1], rollout.truncated[:, 0])
    advantage = model.rule.history[-1].advantage.reshape(410, 2)[cuts]
    without = rollout.rewards[cuts] / model.policy.returns.value - rollout.values[cuts]
    assert ((advantage - without).abs() > 0.01).all()  # gamma times the value of the cut-off state
    close(model)


def test_mountain_car_ends_at_the_goal_and_is_cut_otherwise():
    model = agent("MountainCarContinuous-v0", "--n-steps", "1000").learn(2000)
    ends = model.rollout.terminated + model.rollout.truncated
    assert ends.sum() >= 2
    at_goal = model.rollout.next_obs[..., 0] >= 0.45
    assert torch.equal(model.rollout.terminated > 0, at_goal & (ends > 0))
    close(model)


@pytest.mark.parametrize(
    ("env", "bound"), [("Pendulum-v1", 2.0), ("MountainCarContinuous-v0", 1.0), ("BipedalWalker-v3", 1.0)]
)
def test_actions_are_clipped_to_the_bounds_and_sampled_beyond_them(env, bound):
    model = agent(env, "--log-std-init", "1.0", "--n-steps", "64")
    sent = []
    step = model.env.step
    model.env.step = lambda actions: sent.append(actions.copy()) or step(actions)
    model.learn(128)
    sent = np.stack(sent)
    drawn = model.rollout.actions.reshape(sent.shape).numpy()
    assert np.abs(drawn).max() > 1.5
    np.testing.assert_allclose(sent, np.clip(drawn, -1, 1) * bound, atol=1e-6)
    close(model)


def test_the_spread_depends_on_no_state_and_is_learned():
    model = agent("Pendulum-v1", "--n-steps", "64")
    head = model.policy.head
    start = head.log_std.clone()
    assert start.shape == (1, 1)
    model.learn(256)
    assert not torch.equal(head.log_std, start)
    close(model)
