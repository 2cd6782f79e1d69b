"""Forward-forward: its gradient, which action counts as the better, what it costs, and that it learns."""

from __future__ import annotations

import pytest
import torch
from agent_toys import SUBSTRATES
from learner_toys import ACTIONS, D, assert_saving_is_unnoticed, batch_of, live, make_learner, normal, update, weights

from pib_rl.agents import PIB, RuleConfig
from pib_rl.agents.learners.forward_forward import ForwardForward, ForwardForwardOptions, contrast_loss
from pib_rl.agents.network.unit import GainControl
from pib_rl.common.streams import Streams

N = 32
CHOSEN = {("digital", "discrete"), ("memristive", "box"), ("optical", "discrete")}


def make_control(width=4):
    one = GainControl(width, 1.5, 1.0, Streams(0))
    one.track(2 + 3 * normal(50, width, seed=9), 1.0)
    return one


@pytest.mark.parametrize("steepness", [0.5, 2.0, 8.0])
def test_the_gradient_is_that_of_the_loss(steepness):
    taken, other = ((2 + 3 * normal(10, 4, seed=seed)).requires_grad_() for seed in (1, 2))
    advantage, gain = normal(10, seed=3), make_control()
    goodness = [((z - gain.mean) / gain.std).square().mean(1) for z in (taken, other)]
    better = torch.where(advantage > 0, goodness[0] - goodness[1], goodness[1] - goodness[0])
    loss = (advantage.abs() * torch.log1p((-steepness * better).exp()) / steepness).mean()
    loss.backward()
    found = contrast_loss(taken.detach(), other.detach(), advantage, gain, steepness)
    torch.testing.assert_close(found.loss, loss.detach())
    torch.testing.assert_close(found.by_positive, taken.grad, rtol=1e-4, atol=1e-7)
    torch.testing.assert_close(found.by_negative, other.grad, rtol=1e-4, atol=1e-7)


def test_it_does_not_depend_on_the_unit_that_z_is_measured_in():
    taken, other, advantage = normal(10, 4, seed=1), normal(10, 4, seed=2), normal(10, seed=3)
    small, large = make_control(), make_control()
    large.mean.mul_(100)
    large.std.mul_(100)
    one, two = (
        contrast_loss(taken, other, advantage, small, 2.0),
        contrast_loss(100 * taken, 100 * other, advantage, large, 2.0),
    )
    torch.testing.assert_close(one.loss, two.loss)
    torch.testing.assert_close(one.by_positive, 100 * two.by_positive)


def test_swapping_the_actions_and_the_sign_of_the_advantage_changes_nothing():
    taken, other, advantage = normal(10, 4, seed=1), normal(10, 4, seed=2), normal(10, seed=3)
    one = contrast_loss(taken, other, advantage, make_control(), 2.0)
    two = contrast_loss(other, taken, -advantage, make_control(), 2.0)
    torch.testing.assert_close(one.loss, two.loss)
    torch.testing.assert_close(one.by_positive, two.by_negative)


@pytest.mark.parametrize("action", ACTIONS)
def test_pairs_are_one_state_with_the_taken_and_with_another_action(action):
    learner = make_learner("forward-forward", action)
    lived, policy = live(learner.policy, 400), learner.policy
    taken, other, _ = batch_of(learner, lived).contrast
    assert torch.equal(taken[:, :D], policy.model.normaliser(lived.obs))
    assert torch.equal(taken[:, :D], other[:, :D])
    given, against = taken[:, D:], other[:, D:]
    torch.testing.assert_close((given.mean(0) + against.mean(0)), torch.zeros(given.shape[1]), rtol=0, atol=1e-5)
    encoded = policy.head.encode(lived.actions)
    shift = encoded[0] - given[0]
    torch.testing.assert_close(given + shift, encoded)
    if action == "discrete":
        assert torch.equal(given.argmax(1), lived.actions)
        assert (against.argmax(1) != lived.actions).all()
    else:  # drawn around the policy's own mean, with its own spread
        error = (against + shift - lived.parameters) / policy.head.log_std.exp()
        assert error.mean().abs() < 0.1
        assert 0.9 < error.std() < 1.1
        assert (given - against).abs().min() > 0


def test_drawing_the_other_action_moves_no_stream_that_acting_uses():
    learner = make_learner("forward-forward")
    lived, streams = live(learner.policy, N), learner.model.streams
    before = {key: value.clone() for key, value in streams.__getstate__()["states"].items()}
    assert len(batch_of(learner, lived).contrast.weight)
    after = streams.__getstate__()["states"]
    assert all(torch.equal(value, after[key]) for key, value in before.items())


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("hw", SUBSTRATES)
def test_a_step_costs_two_measurements_and_one_write(hw, action):
    learner = make_learner("forward-forward", action, hw, hidden_steps=3, hidden_batch=8)
    batch, policy = live(learner.policy, N), learner.policy
    before, start = weights(learner), policy.meter.totals()
    readout = policy.model.readout.array.weights().clone()
    log = update(learner, batch, 0.0)
    cost = {key: count - start[key] for key, count in policy.meter.totals().items()}
    assert cost["measurements"] == 3 * 2 * 8 * len(policy.model.network.chain)
    assert cost["writes"] == 3 * sum(unit.array.devices for unit in policy.model.network.chain)
    assert all((was != now).float().mean() > 0.9 for was, now in zip(before, weights(learner), strict=True))
    assert torch.equal(policy.model.readout.array.weights(), readout)
    assert log.keys() == {"train/loss_unit1", "train/loss_unit2"}


def test_a_step_is_adams_along_the_outer_products_of_both_measurements():
    learner = make_learner("forward-forward", hidden_rate=0.01, track=0.1)
    batch, network = batch_of(learner, live(learner.policy, N)), learner.model.network
    (taken, other, weight), before = batch.contrast, weights(learner)
    seen, against = network.measure(taken), network.measure(other)
    means = [unit.control.mean.clone() for unit in network.chain]
    slopes = [
        contrast_loss(z, w, weight, unit.control, 2.0)
        for z, w, unit in zip(seen.z, against.z, network.chain, strict=True)
    ]
    learner.update(batch, 0.0)
    for unit, was, now in zip(range(2), before, weights(learner), strict=True):
        gradient = slopes[unit].by_positive.T @ seen.h[unit] + slopes[unit].by_negative.T @ against.h[unit]
        torch.testing.assert_close(now - was, -0.01 * gradient.sign(), rtol=1e-2, atol=1e-5)
        tracked = 0.9 * means[unit] + 0.1 * torch.cat([seen.z[unit], against.z[unit]]).mean(0)
        torch.testing.assert_close(network.chain[unit].control.mean, tracked)


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("value", [0.0, 3.0])
def test_equal_advantages_teach_nothing(action, value):
    learner = make_learner("forward-forward", action)
    batch, before = live(learner.policy, N), weights(learner)
    batch.advantage.fill_(value)
    update(learner, batch, 0.0)
    assert all(torch.equal(was, now) for was, now in zip(before, weights(learner), strict=True))


def test_progress_fades_steps_and_tracking():
    moves = []
    for progress in (0.0, 0.5, 1.0):
        learner = make_learner("forward-forward", hidden_steps=1, hidden_decay=2.0)
        before, control = weights(learner)[0], learner.model.network.chain[1].control
        batch, mean = live(learner.policy, N), control.mean.clone()
        update(learner, batch, progress)
        moves.append([(weights(learner)[0] - before).norm(), (control.mean - mean).norm()])
    for first, half, last in zip(*moves, strict=True):
        assert half.item() == pytest.approx(first.item() / 4, rel=1e-3)
        assert last == 0


def bandit(learner, action, seed):
    """Contexts whose first feature says which actions pay; advantages are those of what the policy did there."""
    batch = live(learner.policy, 512, seed)
    side = batch.actions.float() - 1 if action == "discrete" else batch.actions[:, 0]
    batch.advantage = batch.obs[:, 0] * side
    return batch


def losses(learner, batch):
    (taken, other, _), network = batch_of(learner, batch).contrast, learner.model.network
    seen = zip(network.measure(taken).z, network.measure(other).z, network.chain, strict=True)
    return [contrast_loss(z, w, batch.advantage, unit.control, 4.0).loss.item() for z, w, unit in seen]


@pytest.mark.parametrize(
    ("hw", "action"),
    [  # each kind of action and each substrate now, the other pairs with the slow suite
        pytest.param(hw, action, marks=[] if (hw, action) in CHOSEN else [pytest.mark.slow])
        for hw in SUBSTRATES
        for action in ACTIONS
    ],
)
def test_units_learn_which_action_pays_in_contexts_that_they_have_not_seen(hw, action):
    learner = make_learner(
        "forward-forward", action, hw, hidden_rate=1e-3, hidden_decay=0.0, hidden_steps=200, options={"steepness": 4.0}
    )
    fresh = bandit(learner, action, 50)
    before = losses(learner, fresh)
    update(learner, bandit(learner, action, 0), 0.0)
    assert all(now < 0.9 * was for was, now in zip(before, losses(learner, fresh), strict=True))


@pytest.mark.parametrize("action", ACTIONS)
def test_an_agent_has_inputs_for_actions_and_learns(action):
    agent = PIB(
        "MlpPolicy",
        "CartPole-v1" if action == "discrete" else "Pendulum-v1",
        learner="forward-forward",
        n_steps=32,
        width=4,
        seed=3,
    )
    before = weights(agent.rule.learner)
    agent.learn(96)
    assert agent.policy.model.network.in_features == (4 + 2 if action == "discrete" else 3 + 1)
    assert all(not torch.equal(was, now) for was, now in zip(before, weights(agent.rule.learner), strict=True))


@pytest.mark.parametrize(("action", "hw"), [("box", "digital"), ("discrete", "memristive"), ("discrete", "optical")])
def test_saving_goes_unnoticed(action, hw, tmp_path):
    assert_saving_is_unnoticed("forward-forward", action, hw, tmp_path / "agent.zip")


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_a_bad_steepness_is_refused(value):
    with pytest.raises(ValueError, match=r"^forward-forward's steepness must be a number > 0, got"):
        ForwardForwardOptions(steepness=value)
    with pytest.raises(ValueError, match="steepness"):
        PIB("MlpPolicy", "CartPole-v1", learner="forward-forward", rule={"steepness": value})


def test_options_of_another_mode_are_refused():
    with pytest.raises(ValueError, match="has no option 'perturbation'"):
        PIB("MlpPolicy", "CartPole-v1", learner="forward-forward", rule={"perturbation": 0.1})


def test_a_policy_without_inputs_for_actions_is_refused():
    model = make_learner("frozen").model
    with pytest.raises(ValueError, match="action_inputs=True"):
        ForwardForward(model, RuleConfig())
