"""Local temporal differences: each unit's own gradient, nothing between units, what a step costs, what it learns."""

from __future__ import annotations

import math

import pytest
import torch
from agent_toys import SUBSTRATES
from gymnasium import spaces
from learner_toys import ACTIONS, D, assert_saving_is_unnoticed, batch_of, live, make_learner, normal, update, weights
from sklearn.datasets import load_digits

from pib_rl.agents import PIB, PIBPolicy, RuleConfig
from pib_rl.agents.estimators import PIBClassifier
from pib_rl.agents.learners.local_td import LocalTD

N = 24


def taught(action="discrete", hw="digital", **settings):
    """A learner whose units' own readouts say something, and a batch of what its policy lived."""
    learner = make_learner("local-td", action, hw, **{"hidden_rate": 0.01, "hidden_decay": 0.0, **settings})
    for number, own in enumerate(learner.readouts):
        own.weight.copy_(0.4 * normal(*own.weight.shape, seed=20 + number))
    return learner, batch_of(learner, live(learner.policy, N))


def own_loss(learner, batch, number, z):
    """Loss of one unit from its outputs z."""
    own, control = learner.readouts[number], learner.model.network.chain[number].control
    return batch.loss(own(own.inputs(control.standard(z))))


@pytest.mark.parametrize("action", ACTIONS)
def test_a_unit_follows_the_slope_of_its_own_loss(action):
    learner = make_learner("local-td", action, width=3, ent_coef=0.1)
    learner.policy.double()
    learner.memory.double()
    for own in learner.readouts:
        own.weight.copy_(0.4 * normal(*own.weight.shape, seed=20))
    samples = live(learner.policy, 6)
    samples = type(samples)(**{k: v.double() if v.is_floating_point() else v for k, v in vars(samples).items()})
    batch = batch_of(learner, samples)
    slopes = []
    learner._move = lambda unit, h, slope, left: slopes.append(slope.clone())
    before = [own.weight.clone() for own in learner.readouts]
    controls = [(unit.control.mean.clone(), unit.control.std.clone()) for unit in learner.model.network.chain]
    learner.update(batch, 0.0)
    for number, (unit, (mean, std)) in enumerate(zip(learner.model.network.chain, controls, strict=True)):
        learner.readouts[number].weight.copy_(before[number])
        unit.control.mean.copy_(mean)
        unit.control.std.copy_(std)
        z, step = batch.measure().z[number], 1e-6
        for place in range(z.numel()):
            push = torch.zeros(z.numel(), dtype=z.dtype)
            push[place] = step
            up, down = (own_loss(learner, batch, number, z + way * push.view_as(z)) for way in (1, -1))
            assert float(slopes[number].flatten()[place]) == pytest.approx(
                float(up - down) / (2 * step), rel=1e-4, abs=1e-8
            )


def test_a_step_is_that_of_the_units_own_optimiser_and_fades_with_the_training():
    for progress in (0.0, 0.5, 1.0):
        learner, batch = taught(hidden_decay=2.0, track=0.1)
        before, left, slopes = weights(learner), (1 - progress) ** 2, []
        chain, move = learner.model.network.chain, learner._move
        means, owned = [unit.control.mean.clone() for unit in chain], [own.weight.clone() for own in learner.readouts]
        learner._move = lambda unit, h, slope, left: (slopes.append(slope), move(unit, h, slope, left))  # noqa: B023
        learner.update(batch, progress)
        seen = batch.measure()
        for was, now, slope, h in zip(before, weights(learner), slopes, seen.h, strict=True):
            torch.testing.assert_close(now - was, -0.01 * left * (slope.T @ h).sign(), rtol=1e-2, atol=1e-6)
        for was, own in zip(owned, learner.readouts, strict=True):
            rate = learner.options.local_rate * left / own.weight.shape[-1]
            torch.testing.assert_close((own.weight - was).abs(), torch.full_like(was, rate), rtol=1e-2, atol=1e-6)
        for mean, unit, z in zip(means, chain, seen.z, strict=True):
            torch.testing.assert_close(unit.control.mean, mean + 0.1 * left * (z.mean(0) - mean))


def changes(spoil=None):
    """How each unit's array and own readout change in a step, after something was spoilt."""
    learner, batch = taught()
    batch.measure()
    if spoil is not None:
        spoil(learner)
    before, own = weights(learner), [readout.weight.clone() for readout in learner.readouts]
    learner.update(batch, 0.0)
    arrays = [now - was for was, now in zip(before, weights(learner), strict=True)]
    return arrays, [readout.weight - was for was, readout in zip(own, learner.readouts, strict=True)]


@pytest.mark.parametrize("spoilt", [0, 1])
def test_nothing_passes_from_unit_to_unit(spoilt):
    def spoil(learner):
        learner.readouts[spoilt].weight.neg_()
        learner.model.network.chain[spoilt].array.program(normal(*weights(learner)[spoilt].shape, seed=50))

    (arrays, own), (others, theirs) = changes(), changes(spoil)
    left = 1 - spoilt
    assert torch.equal(arrays[left], others[left])
    assert torch.equal(own[left], theirs[left])
    assert not torch.equal(arrays[spoilt], others[spoilt])


def test_the_readout_of_the_chip_teaches_no_unit():
    def spoil(learner):
        array = learner.model.readout.array
        array.program(normal(*array.weights().shape, seed=50))

    for plain, other in zip(changes(), changes(spoil), strict=True):
        assert all(torch.equal(ours, theirs) for ours, theirs in zip(plain, other, strict=True))


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("hw", SUBSTRATES)
def test_a_step_measures_a_batch_once_and_writes_every_device_once(hw, action):
    learner, batch = taught(action, hw)
    readout, before = learner.model.readout.array.weights().clone(), weights(learner)
    start = learner.model.meter.totals()
    learner.update(batch, 0.0)
    cost = {key: count - start[key] for key, count in learner.model.meter.totals().items()}
    assert cost["measurements"] == N * len(before)
    assert cost["writes"] == sum(unit.array.devices for unit in learner.model.network.chain)
    assert all((was != now).float().mean() > 0.9 for was, now in zip(before, weights(learner), strict=True))
    assert torch.equal(learner.model.readout.array.weights(), readout)


@pytest.mark.parametrize("hw", [pytest.param("digital", marks=pytest.mark.slow), "memristive", "optical"])
def test_units_that_move_end_with_a_lower_loss_than_frozen_ones(hw):
    ends = {}
    for rate in (0.0, 0.01):
        learner = make_learner("local-td", hw=hw, width=12, hidden_rate=rate, hidden_decay=0.0, hidden_steps=10)
        experience = live(learner.policy, 64)
        experience.returns = experience.obs[:, 0] * experience.obs[:, 1]
        logs = [update(learner, experience) for _ in range(15)]
        first, last = logs[0], logs[-1]
        ends[rate] = [last[f"train/loss_unit{unit}"] for unit in (1, 2)]
        assert all(last[name] < first[name] for name in ("train/loss_unit1", "train/loss_unit2"))
    assert all(moved < still - 0.02 for moved, still in zip(ends[0.01], ends[0.0], strict=True))


def test_nothing_is_differentiated():
    agent = PIB("MlpPolicy", "CartPole-v1", learner="local-td", hw="numpy-sine", n_steps=32, width=4, seed=3)
    before = weights(agent.rule.learner)
    agent.learn(64)  # media and arrays of numpy-sine raise when a tensor with a graph reaches them
    assert all(not torch.equal(was, now) for was, now in zip(before, weights(agent.rule.learner), strict=True))
    learner, batch = taught()
    with torch.enable_grad():
        log = learner.update(batch, 0.0)
    kept = [*learner.model.buffers(), *learner.memory.buffers(), *log.values()]
    assert all(value.grad_fn is None and not value.requires_grad for value in kept)
    assert list(learner.memory.parameters()) == []


def policy_of(seed, chips=1):
    return PIBPolicy(spaces.Box(-math.inf, math.inf, (D,)), ACTIONS["discrete"], width=6, seed=seed, chips=chips)


def test_offsets_are_those_of_the_chip_and_leave_its_own_draws_alone():
    wafer, untouched = (policy_of(5, chips=3) for _ in range(2))
    together = LocalTD(wafer.model, RuleConfig())
    for chip in range(3):
        alone = LocalTD(policy_of(5 + chip).model, RuleConfig())
        for one, all_of_them in zip(alone.readouts, together.readouts, strict=True):
            assert torch.equal(all_of_them.shift[chip], one.shift)
            assert one.shift.abs().max() <= together.options.offset
            assert one.weight.shape == all_of_them.weight.shape[1:]
    assert not torch.equal(together.readouts[0].shift[0], together.readouts[0].shift[1])
    ours, theirs = (policy.streams.__getstate__()["states"] for policy in (wafer, untouched))
    assert all(torch.equal(value, ours[key]) for key, value in theirs.items())


def test_patch_units_have_a_readout_of_all_positions():
    x, y = load_digits(return_X_y=True)
    image = {"image": (8, 8), "patches": [(4, 4, 2)]}
    model = PIBClassifier(learner="local-td", width=16, units=1, epochs=3, **image).fit(x[:300], y[:300])
    first, unit = model.learner_.readouts[0], model.model_.network.chain[0]
    assert first.weight.shape == (10, 4 * unit.positions + 1)
    assert torch.equal(first.shift[:, :4], first.shift[:, 4:8])
    assert len(first.shift[:, :4].unique()) == 4
    losses = [epoch["loss_unit1"] for epoch in model.history_]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize(("action", "hw"), [("discrete", "digital"), ("box", "memristive"), ("discrete", "optical")])
def test_saving_goes_unnoticed(action, hw, tmp_path):
    assert_saving_is_unnoticed("local-td", action, hw, tmp_path / "agent.zip")


@pytest.mark.parametrize(
    ("name", "value", "least"),
    [("local_rate", 0.0, "> 0"), ("gain", -1.0, "> 0"), ("offset", -0.1, ">= 0")],
)
def test_an_option_outside_its_range_is_refused(name, value, least):
    with pytest.raises(ValueError, match=rf"^local-td's {name} must be a number {least}, got {value}$"):
        PIB("MlpPolicy", "CartPole-v1", learner="local-td", rule={name: value})
