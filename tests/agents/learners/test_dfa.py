"""Direct feedback alignment: its formula, its fixed matrices, what it costs, and that it learns."""

from __future__ import annotations

import math

import pytest
import torch
from agent_toys import SUBSTRATES
from learner_toys import ACTIONS, D, assert_saving_is_unnoticed, make_learner, normal, weights

from pib_rl.agents import PIB
from pib_rl.agents.learners.dfa import Feedback
from pib_rl.agents.network.readout import with_one


def passed(learner, n=30):
    """One measured batch and a gradient by its outputs."""
    policy = learner.policy
    return policy.model.network.measure(normal(n, D, seed=3)), normal(n, policy.head.outputs + 1, seed=4) / n


@pytest.mark.parametrize("action", ACTIONS)
def test_the_pull_is_the_formula_number_by_number(action):
    learner = make_learner("dfa", action, width=3)
    seen, gradient = passed(learner, 4)
    pulled = learner.hidden_gradients(seen, gradient, 0.0)
    assert [one.shape for one in pulled] == [(4, 3), (4, 3)]
    for number, (unit, z) in enumerate(zip(learner.model.network.chain, seen.z, strict=True)):
        control = unit.control
        for n in range(4):
            for i in range(3):
                fed = sum(
                    float(gradient[n, k]) * float(learner.feedback.matrices[number][k, i])
                    for k in range(gradient.shape[1])
                )
                standard = (float(z[n, i]) - float(control.mean[0, i])) / float(control.std)
                drive = control.gain * (standard + float(control.shift[0, i]))
                assert float(pulled[number][n, i]) == pytest.approx(fed / math.cosh(drive) ** 2, rel=1e-3, abs=1e-7)


@pytest.mark.parametrize("progress", [0.0, 0.5, 1.0])
def test_a_step_is_adams_along_the_outer_product_and_fades_with_the_training(progress):
    learner = make_learner("dfa", hidden_rate=0.01, hidden_decay=2.0, track=0.1)
    before, (seen, gradient) = weights(learner), passed(learner)
    share, controls = (1 - progress) ** 2, [unit.control for unit in learner.model.network.chain]
    means = [control.mean.clone() for control in controls]
    pulled = learner.hidden_gradients(seen, gradient, progress)
    learner.on_readout_batch(seen, gradient, progress)
    for was, now, slope, h, adam in zip(before, weights(learner), pulled, seen.h, learner.adams, strict=True):
        torch.testing.assert_close(adam.first, 0.1 * slope.T @ h)
        torch.testing.assert_close(now - was, -0.01 * share * (slope.T @ h).sign(), rtol=1e-2, atol=1e-6)
    for mean, control, z in zip(means, controls, seen.z, strict=True):
        torch.testing.assert_close(control.mean, mean + 0.1 * share * (z.mean(0) - mean))


def test_feedback_is_normal_with_a_deviation_of_one_over_the_root_of_outputs():
    matrices = torch.stack(make_learner("dfa", width=400).feedback.matrices)
    assert matrices.shape == (2, 4, 400)  # three logits and the value
    assert matrices.mean().abs() < 0.03
    assert matrices.std().item() == pytest.approx(0.5, rel=0.05)
    assert torch.corrcoef(matrices.flatten(0, 1)).sub(torch.eye(8)).abs().max() < 0.2  # every unit has its own


def test_feedback_comes_from_the_seed_and_stays_fixed():
    agents = [PIB("MlpPolicy", "CartPole-v1", learner="dfa", n_steps=32, width=4, seed=seed) for seed in (3, 3, 4)]
    one, same, other = (agent.rule.learner.feedback.side_by_side.clone() for agent in agents)
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    agents[0].learn(96)
    assert torch.equal(agents[0].rule.learner.feedback.side_by_side, one)


@pytest.mark.parametrize("hw", SUBSTRATES)
def test_drawing_feedback_leaves_the_chip_and_its_noise_alone(hw):
    policy, other = (make_learner("frozen", hw=hw).policy for _ in range(2))
    before = {key: value.clone() for key, value in policy.streams.__getstate__()["states"].items()}
    Feedback(policy.model)
    after, theirs = policy.streams.__getstate__()["states"], other.state_dict()
    assert all(torch.equal(value, after[key]) for key, value in before.items())
    assert all(torch.equal(value, theirs[key]) for key, value in policy.state_dict().items())


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("hw", SUBSTRATES)
def test_a_step_writes_every_device_once_and_measures_nothing(hw, action):
    learner = make_learner("dfa", action, hw)
    policy, before = learner.policy, weights(learner)
    readout, (seen, gradient) = policy.model.readout.array.weights().clone(), passed(learner)
    start = policy.meter.totals()
    learner.on_readout_batch(seen, gradient, 0.0)
    cost = {key: count - start[key] for key, count in policy.meter.totals().items()}
    devices = sum(unit.array.devices for unit in policy.model.network.chain)
    assert cost == {"measurements": 0, "writes": devices, "products": 0}
    assert all((was != now).float().mean() > 0.9 for was, now in zip(before, weights(learner), strict=True))
    assert torch.equal(policy.model.readout.array.weights(), readout)


@pytest.mark.parametrize("hw", SUBSTRATES)
def test_without_a_gradient_no_weight_moves(hw):
    learner = make_learner("dfa", hw=hw)
    before, (seen, gradient) = weights(learner), passed(learner)
    start = learner.model.meter.totals()
    learner.on_readout_batch(seen, 0 * gradient, 0.5)
    assert all(torch.equal(was, now) for was, now in zip(before, weights(learner), strict=True))
    assert learner.model.meter.totals() == start


def regress(mode, hw, seed=0):
    """Mean square error of products of inputs, in their variance, after steps of units and readout; and who aligned."""
    learner = make_learner(mode, hw=hw, width=12, seed=seed, hidden_rate=3e-3, hidden_decay=0.0)
    policy, x = learner.policy, normal(128, D, seed=5)
    policy.model.readout.array.program(
        -policy.model.readout.array.weights()
    )  # as fabricated: it has nothing to unlearn
    wanted = torch.stack([x[:, 0] * x[:, 1], x[:, 2].abs() - 0.8, x[:, 3], x[:, 4] * x[:, 0]], 1)
    for _ in range(200):
        seen = policy.model.network.measure(x)
        inputs = with_one(seen.taps)
        gradient = (policy.model.readout.measure_inputs(inputs) - wanted) / len(x)
        learner.on_readout_batch(seen, gradient, 0.0)
        policy.model.readout.step(inputs, gradient, 0.1)
    error = policy.model.outputs(x) - wanted
    return (error.square().mean() / wanted.var(0).mean()).item(), learner


@pytest.mark.parametrize("hw", ["digital", pytest.param("memristive", marks=pytest.mark.slow), "optical"])
def test_moving_units_beat_frozen_ones(hw):
    seeds = range(3 if hw == "memristive" else 1)  # write noise of a chip decides as well
    left = [regress("dfa", hw, seed)[0] / regress("frozen", hw, seed)[0] for seed in seeds]
    assert sum(left) / len(left) < 0.75


def test_the_readout_aligns_with_the_feedback():
    _, learner = regress("dfa", "digital")
    readout, last = learner.model.readout.array.weights()[:, -13:-1], learner.feedback.matrices[-1]
    assert torch.cosine_similarity(readout.flatten(), last.flatten(), dim=0) > 0.5


def test_it_needs_no_twin_and_no_refit(monkeypatch):
    agent = PIB("MlpPolicy", "CartPole-v1", learner="dfa", hw="numpy-sine", n_steps=32, width=4, seed=3)
    monkeypatch.setattr(agent.policy.model.readout, "refit", lambda *rest: pytest.fail("re-fit"))
    before = weights(agent.rule.learner)
    agent.learn(64)
    assert all(not torch.equal(was, now) for was, now in zip(before, weights(agent.rule.learner), strict=True))


@pytest.mark.parametrize(("action", "hw"), [("discrete", "digital"), ("box", "memristive"), ("discrete", "optical")])
def test_saving_goes_unnoticed(action, hw, tmp_path):
    assert_saving_is_unnoticed("dfa", action, hw, tmp_path / "agent.zip")


def test_loaded_feedback_is_the_saved_one_and_not_a_new_draw(tmp_path):
    agent = PIB("MlpPolicy", "CartPole-v1", learner="dfa", n_steps=32, width=4, seed=3)
    agent.rule.learner.feedback.side_by_side.mul_(2)
    agent.save(tmp_path / "agent.zip")
    loaded = PIB.load(tmp_path / "agent.zip")
    assert torch.equal(loaded.rule.learner.feedback.side_by_side, agent.rule.learner.feedback.side_by_side)


def test_it_has_no_options_of_its_own():
    with pytest.raises(ValueError, match=r"^the rule has no option 'twin_error'.*$"):
        PIB("MlpPolicy", "CartPole-v1", learner="dfa", rule={"twin_error": 0.1})
