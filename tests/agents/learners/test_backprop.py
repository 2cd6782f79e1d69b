"""Backpropagation through a twin: exact, off and stale; what it believes, what it costs, and that it learns."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from agent_toys import SUBSTRATES
from learner_toys import D, assert_saving_is_unnoticed, make_learner, normal, weights

from pib_rl.agents import PIB
from pib_rl.agents.learners.backprop import OffOptions, StaleOptions, TwinOptions
from pib_rl.agents.network.readout import with_one
from pib_rl.physical.substrate import Read

LEARNERS = ["backprop", "backprop-off", "backprop-stale"]


def passed(learner, n=30):
    """One measured batch and a gradient by its outputs."""
    policy = learner.policy
    return policy.model.network.measure(normal(n, D, seed=3)), normal(n, policy.head.outputs + 1, seed=4) / n


def alike(one, two):
    """Cosine of two lists of gradients."""
    return torch.cosine_similarity(*(torch.cat([part.flatten() for part in pull]) for pull in (one, two)), dim=0)


def arrays(model):
    return [*(unit.array for unit in model.network.chain), model.readout.array]


@pytest.mark.parametrize("kind", LEARNERS)
@pytest.mark.parametrize("hw", SUBSTRATES)
def test_a_step_writes_every_device_once_and_measures_nothing(hw, kind):
    learner = make_learner(kind, hw=hw)
    policy, before = learner.policy, weights(learner)
    readout, (seen, gradient) = policy.model.readout.array.weights().clone(), passed(learner)
    start = policy.meter.totals()
    learner.on_readout_batch(seen, gradient, 0.0)
    cost = {key: count - start[key] for key, count in policy.meter.totals().items()}
    devices = sum(unit.array.devices for unit in policy.model.network.chain)
    assert cost == {"measurements": 0, "writes": devices, "products": 0}
    assert all((was != now).float().mean() > 0.9 for was, now in zip(before, weights(learner), strict=True))
    assert torch.equal(policy.model.readout.array.weights(), readout)


def test_every_step_of_the_readout_measures_the_units_afresh():
    cost = {}
    for kind in ("frozen", "backprop"):
        agent = PIB("MlpPolicy", "CartPole-v1", learner=kind, n_steps=32, width=4, seed=3).learn(64)
        start = agent.policy.meter.totals()
        agent.rule.update(agent.rollout, 0.0, 0.1)
        cost[kind] = {key: count - start[key] for key, count in agent.policy.meter.totals().items()}
    devices = sum(unit.array.devices for unit in agent.policy.model.network.chain)
    assert cost["backprop"]["measurements"] - cost["frozen"]["measurements"] == 10 * 32 * 2
    assert cost["backprop"]["writes"] - cost["frozen"]["writes"] == 10 * devices


@pytest.mark.parametrize("kind", LEARNERS)
@pytest.mark.parametrize("hw", SUBSTRATES)
def test_without_a_gradient_no_weight_moves(hw, kind):
    learner = make_learner(kind, hw=hw)
    before, (seen, gradient) = weights(learner), passed(learner)
    start = learner.model.meter.totals()
    learner.on_readout_batch(seen, 0 * gradient, 0.5)
    assert all(torch.equal(was, now) for was, now in zip(before, weights(learner), strict=True))
    assert learner.model.meter.totals() == start


@pytest.mark.parametrize("progress", [0.0, 0.5, 1.0])
def test_steps_and_tracking_fade_with_the_training(progress):
    learner = make_learner("backprop", hidden_rate=0.01, hidden_decay=2.0, track=0.1)
    before, (seen, gradient) = weights(learner), passed(learner)
    share, controls = (1 - progress) ** 2, [unit.control for unit in learner.model.network.chain]
    means = [control.mean.clone() for control in controls]
    pulled = learner.hidden_gradients(seen, gradient, progress)
    learner.on_readout_batch(seen, gradient, progress)
    for was, now, slope, h in zip(before, weights(learner), pulled, seen.h, strict=True):
        torch.testing.assert_close(now - was, -0.01 * share * (slope.T @ h).sign(), rtol=1e-2, atol=1e-6)
    for mean, control, z in zip(means, controls, seen.z, strict=True):
        torch.testing.assert_close(control.mean, mean + 0.1 * share * (z.mean(0) - mean))


@pytest.mark.parametrize("kind", ["backprop", "dfa", "forward-forward", "spsa"])
def test_arrays_of_many_inputs_take_their_share_of_the_rate(kind):
    learner = make_learner(kind, width=128, hidden_rate=0.01, hidden_decay=0.0)
    gradients = [normal(array.out_features, array.in_features, seed=3) for array in arrays(learner.model)[:2]]
    assert gradients[0].shape[1] <= 64
    assert gradients[1].shape[1] == 128
    for change, gradient, rate in zip(learner.steps(gradients, 0.0), gradients, (0.01, 0.005), strict=True):
        torch.testing.assert_close(change, -rate * gradient.sign(), rtol=1e-2, atol=1e-6)


@pytest.mark.parametrize("hw", ["digital", "memristive"])
def test_the_exact_twin_reads_the_weights_afresh(hw):
    learner = make_learner("backprop", hw=hw)
    for number in range(3):
        assert all(
            torch.equal(read, array.weights())
            for read, array in zip(learner.weights(), arrays(learner.model), strict=True)
        )
        learner.on_readout_batch(*passed(learner), 0.0)
        learner.model.readout.array.program(0.01 * normal(*learner.weights()[-1].shape, seed=number))


def test_the_off_twin_is_wrong_by_a_fifth_and_stays_so():
    learner = make_learner("backprop-off", width=20)
    first = None
    for progress in (0.0, 0.5, 1.0):
        found = [
            read / array.weights() - 1 for read, array in zip(learner.weights(), arrays(learner.model), strict=True)
        ]
        assert all(one.square().mean().sqrt().item() == pytest.approx(0.2, rel=0.2) for one in found)
        first = first or found
        for one, two in zip(found, first, strict=True):
            torch.testing.assert_close(one, two, rtol=1e-2, atol=1e-4)
        learner.on_readout_batch(*passed(learner), progress)


@pytest.mark.parametrize("hw", SUBSTRATES)
def test_a_wrong_twin_still_points_along_the_gradient_and_a_fixed_way_off(hw):
    exact, off = (make_learner(kind, hw=hw) for kind in ("backprop", "backprop-off"))
    seen, gradient = passed(exact)
    right = exact.hidden_gradients(seen, gradient, 0.0)
    wrong = off.hidden_gradients(seen, gradient, 0.0)
    assert 0.7 < alike(right, wrong) < 0.995
    by_hand = off.twin.pull(off.model, seen, gradient, off.weights(), 0.2)
    assert all(torch.equal(one, two) for one, two in zip(by_hand, wrong, strict=True))
    for progress in (0.0, 0.7):
        assert all(
            torch.equal(one, two)
            for one, two in zip(wrong, off.hidden_gradients(seen, gradient, progress), strict=True)
        )
    mended = make_learner("backprop-off", hw=hw, options={"twin_error": 0.0})
    assert all(
        torch.equal(one, two) for one, two in zip(right, mended.hidden_gradients(seen, gradient, 0.0), strict=True)
    )


@pytest.mark.parametrize("hw", SUBSTRATES)
def test_the_stale_twins_media_drift_away_at_a_constant_speed(hw):
    exact, stale = (make_learner(kind, hw=hw) for kind in ("backprop", "backprop-stale"))
    stale.twin.arrays[-1].exact.copy_(exact.weights()[-1])  # the toy wrote its readout before the twin was made
    seen, gradient = passed(exact)
    right = exact.hidden_gradients(seen, gradient, 0.0)
    for one, two in zip(right, stale.hidden_gradients(seen, gradient, 0.0), strict=True):
        assert torch.equal(one, two)
    for progress in (0.25, 1.0):
        by_hand = stale.twin.pull(stale.model, seen, gradient, exact.weights(), 0.2 * progress)
        for one, two in zip(by_hand, stale.hidden_gradients(seen, gradient, progress), strict=True):
            assert torch.equal(one, two)
    away = [1 - alike(right, stale.hidden_gradients(seen, gradient, progress)) for progress in (0.25, 0.5, 1.0)]
    assert 1e-4 < away[0] < 0.5 * away[1] < 0.25 * away[2] < 0.1


def watched(agent):
    """What every array of the agent will be asked for."""
    asked = [[] for _ in arrays(agent.policy.model)]
    for array, log in zip(arrays(agent.policy.model), asked, strict=True):

        def program(delta, law=array.program, log=log):
            log.append(delta.clone())
            law(delta)

        array.program = program
    return asked


@pytest.mark.parametrize("hw", SUBSTRATES)
def test_the_stale_twin_believes_the_initial_weights_plus_all_changes_asked_for(hw):
    agent = PIB(
        "MlpPolicy",
        "CartPole-v1",
        learner="backprop-stale",
        hw=hw,
        n_steps=32,
        width=4,
        seed=3,
        rule={"hidden_rate": 3e-3, "hidden_decay": 1.0},
    )
    start, asked = [array.weights().clone() for array in arrays(agent.policy.model)], watched(agent)
    agent.learn(96)
    for was, log, believed, array in zip(
        start, asked, agent.rule.learner.weights(), arrays(agent.policy.model), strict=True
    ):
        assert len(log) == 30
        torch.testing.assert_close(believed, was + torch.stack(log).sum(0), rtol=1e-4, atol=1e-5)
        assert (believed - was).abs().max() > 1e-3
        off = (believed - array.weights()).abs().max()
        assert off > 1e-3 if hw == "memristive" else off < 1e-6


@pytest.mark.parametrize("kind", ["backprop", "backprop-off"])
def test_what_the_others_hear_changes_nothing(kind):
    learner = make_learner(kind)
    before = [weight.clone() for weight in learner.weights()]
    learner.on_readout_step(torch.ones_like(before[-1]))
    assert all(torch.equal(was, now) for was, now in zip(before, learner.weights(), strict=True))


def regress(kind, hw="digital", steps=300, rate=0.0, **settings):
    """Mean square error of a product of inputs, in its variance, after steps of units and readout."""
    learner = make_learner(kind, hw=hw, width=12, hidden_decay=0.0, **settings)
    policy, x = learner.policy, normal(128, D, seed=5)
    wanted = torch.stack([x[:, 0] * x[:, 1], x[:, 2].abs() - 0.8, x[:, 3], x[:, 4] * x[:, 0]], 1)
    for _ in range(steps):
        seen = policy.model.network.measure(x)
        inputs = with_one(seen.taps)
        gradient = (policy.model.readout.measure_inputs(inputs) - wanted) / len(x)
        learner.on_readout_batch(seen, gradient, 0.0)
        learner.on_readout_step(policy.model.readout.step(inputs, gradient, rate))
    error = policy.model.readout.measure(policy.model.network.measure(x, Read.MEAN).taps, Read.MEAN) - wanted
    return (error.square().mean() / wanted.var(0).mean()).item()


def test_hidden_arrays_alone_lower_the_loss():
    start = regress("frozen")
    assert regress("backprop", hidden_rate=3e-3) < 0.3 * start


@pytest.mark.parametrize(
    ("kind", "hw"),
    [  # each learner and each substrate now, the other pairs with the slow suite
        pytest.param(kind, hw, marks=[] if pair in (0, 4, 8) else [pytest.mark.slow])
        for pair, (kind, hw) in enumerate(product(LEARNERS, SUBSTRATES))
    ],
)
def test_moving_units_beat_frozen_ones(kind, hw):
    frozen = regress("frozen", hw, 150, rate=0.1)
    assert regress(kind, hw, 150, rate=0.1, hidden_rate=3e-3) < 0.7 * frozen


@pytest.mark.parametrize("kind", LEARNERS)
def test_the_readout_is_never_refitted(kind, monkeypatch):
    agent = PIB("MlpPolicy", "CartPole-v1", learner=kind, n_steps=32, width=4, seed=3)
    monkeypatch.setattr(agent.policy.model.readout, "refit", lambda *rest: pytest.fail("re-fit"))
    before = weights(agent.rule.learner)
    agent.learn(64)
    assert all(not torch.equal(was, now) for was, now in zip(before, weights(agent.rule.learner), strict=True))


@pytest.mark.parametrize(
    ("kind", "action", "hw"),
    [
        ("backprop", "discrete", "memristive"),
        ("backprop-off", "box", "optical"),
        ("backprop-off", "discrete", "digital"),
        ("backprop-stale", "discrete", "memristive"),
        ("backprop-stale", "box", "digital"),
    ],
)
def test_saving_goes_unnoticed(kind, action, hw, tmp_path):
    assert_saving_is_unnoticed(kind, action, hw, tmp_path / "agent.zip")


def test_a_saved_agent_keeps_what_its_twin_believes(tmp_path):
    agent = PIB("MlpPolicy", "CartPole-v1", learner="backprop-stale", hw="memristive", n_steps=32, width=4, seed=3)
    agent.learn(96).save(tmp_path / "agent.zip")
    loaded = PIB.load(tmp_path / "agent.zip")
    fresh = PIB("MlpPolicy", "CartPole-v1", learner="backprop-stale", hw="memristive", n_steps=32, width=4, seed=3)
    for ours, theirs, initial in zip(*(one.rule.learner.weights() for one in (agent, loaded, fresh)), strict=True):
        assert torch.equal(ours, theirs)
        assert not torch.equal(ours, initial)


@pytest.mark.parametrize("kind", LEARNERS)
def test_a_loaded_twin_is_the_saved_one_and_not_a_new_draw(kind, tmp_path):
    agent = PIB("MlpPolicy", "CartPole-v1", learner=kind, hw="optical", n_steps=32, width=4, seed=3)
    ours = agent.rule.learner.twin.state_dict()
    for value in ours.values():
        value.mul_(2)
    agent.save(tmp_path / "agent.zip")
    theirs = PIB.load(tmp_path / "agent.zip").rule.learner.twin.state_dict()
    assert len(ours) == 2 * (2 * 4 + 3)  # value and direction of two media's and three arrays' parameters
    assert all(torch.equal(value, theirs[key]) for key, value in ours.items())


def test_the_modes_differ_in_their_defaults():
    assert TwinOptions() == TwinOptions(0.0, 0.0)
    assert (OffOptions().twin_error, OffOptions().twin_drift) == (0.2, 0.0)
    assert (StaleOptions().twin_error, StaleOptions().twin_drift) == (0.0, 0.2)


@pytest.mark.parametrize("kind", LEARNERS)
@pytest.mark.parametrize("name", ["twin_error", "twin_drift"])
@pytest.mark.parametrize(
    ("value", "said"),
    [
        (-0.1, "backprop's {name} must be a number >= 0, got -0.1"),
        (float("nan"), "{kind} option {name} must be a finite number, got nan"),
        (float("inf"), "{kind} option {name} must be a finite number, got inf"),
    ],
)
def test_a_bad_error_is_refused(kind, name, value, said):
    with pytest.raises(ValueError, match=f"^{said.format(kind=kind, name=name)}$"):
        PIB("MlpPolicy", "CartPole-v1", learner=kind, rule={name: value})


def test_options_of_the_wrong_name_or_type_are_refused():
    with pytest.raises(ValueError, match=r"^backprop option twin_error must be float, got 'much'$"):
        PIB("MlpPolicy", "CartPole-v1", learner="backprop", rule={"twin_error": "much"})
    with pytest.raises(ValueError, match=r"^the rule has no option 'twin_eror'.*$"):
        PIB("MlpPolicy", "CartPole-v1", learner="backprop", rule={"twin_eror": 0.1})
    with pytest.raises(ValueError, match=r"^the rule has no option 'twin_error'.*$"):
        PIB("MlpPolicy", "CartPole-v1", learner="frozen", rule={"twin_error": 0.1})
