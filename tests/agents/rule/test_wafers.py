"""The rule on a wafer: each chip learns as it would alone, in everything but the order of samples, which all share."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from chips import CLEAR, EXACT, LOSSLESS, UNDAMPED
from gymnasium import spaces
from torch import Tensor

from pib_rl.agents import PIBPolicy, Rule, RuleConfig
from pib_rl.agents.learners.registry import find_learner
from pib_rl.agents.network.faults import inject
from pib_rl.agents.rule.experience import Experience, reward_target, standardise
from pib_rl.agents.rule.iteration import minibatches
from pib_rl.agents.rule.readout_loss import clipped_surrogate, readout_gradient, readout_loss
from pib_rl.agents.rule.rollout import Rollout, advantages
from pib_rl.agents.rule.self_test import SelfTest
from pib_rl.physical.faults import parse
from pib_rl.physical.substrate import Read

CHIPS, SEED, STEPS, ENVS, D = 3, 5, 12, 2, 4
N = STEPS * ENVS
ACTIONS = {"discrete": spaces.Discrete(3), "box": spaces.Box(-1, 1, (2,))}
STATES = torch.randn(CHIPS, 300, D, generator=torch.Generator().manual_seed(0))
# Imperfect chips without any noise: a device of a chip differs from all others, and does the same whenever it is asked.
SILENT = {
    "digital": {},
    "memristive": {**EXACT, "device_spread": 0.2, "stuck": 0.05, "activation_gain_spread": 0.1},
    "optical": {"slm_pixels": 24, "camera_pixels": 20, **CLEAR},
    "mzi": {**LOSSLESS, "ports": 12, "splitter_error_rad": 0.02},
    "oscillator": {**UNDAMPED, "oscillators": 8},
}


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def make_policy(action: str, hw: str, chip: int | None = None, units: int = 2, width: int = 5, **options) -> PIBPolicy:
    """The policy of a wafer, or of one of its chips made alone."""
    seed, chips = (SEED, CHIPS) if chip is None else (SEED + chip, 1)
    space = spaces.Box(-np.inf, np.inf, (D,))
    return PIBPolicy(
        space, ACTIONS[action], hw=hw, hw_options=options, width=width, units=units, seed=seed, chips=chips
    )


def make_rollout(action: str, outputs: int, seed: int = 0) -> Rollout:
    """A rollout of all chips, with ends of both kinds, other ones on each chip."""

    def of_all(*shape: int, more: int) -> Tensor:
        return normal(CHIPS, STEPS, ENVS, *shape, seed=100 * seed + more)

    obs, following = of_all(D, more=1), of_all(D, more=2)
    taken = torch.arange(CHIPS * N).view(CHIPS, STEPS, ENVS) % 3 if action == "discrete" else of_all(2, more=3)
    said, ends = of_all(outputs, more=4), of_all(more=6)
    return Rollout(
        obs,
        following,
        taken,
        said[..., :-1],
        said[..., -1],
        of_all(more=5) * torch.tensor([1.0, 30.0, 0.1])[:, None, None],
        (ends > 1.2).float(),
        (ends < -1.2).float(),
    )


def of_chip(rollout: Rollout, chip: int) -> Rollout:
    return Rollout(*(value[chip] for value in vars(rollout).values()))


def make_rules(action: str, hw: str, learner: str = "pib", **settings) -> tuple[Rule, list[Rule]]:
    """The rule of a wafer and those of its chips, all of which draw the same order of samples."""
    config = RuleConfig(hidden_steps=4, hidden_batch=16, batch_size=10, epochs=2, replay_fraction=0.5, **settings)
    wafer = make_policy(action, hw, **SILENT[hw]).double()
    size = wafer.model.network.tap_features + 1
    wafer.model.readout.array.program(0.3 * normal(CHIPS, wafer.head.outputs + 1, size, seed=8).double())
    policies = [wafer, *(wafer.of_chip(chip).double() for chip in range(CHIPS))]
    learners = [find_learner(learner)(policy.model, config) for policy in policies]
    rules = []
    for policy, one in zip(policies, learners, strict=True):
        one.memory.double()
        policy.streams.restart(SEED)
        rules.append(Rule(policy, config, one))
    return rules[0], rules[1:]


@pytest.mark.parametrize(("learner", "hw"), [*(("pib", hw) for hw in SILENT), ("local-td", "memristive")])
@pytest.mark.parametrize("action", ACTIONS)
def test_an_update_of_a_wafer_is_that_of_each_chip(action, learner, hw):
    wafer, chips = make_rules(action, hw, learner, ent_coef=0.1)
    logs = []
    for number in range(3):
        rollout = make_rollout(action, wafer.policy.head.outputs + 1, number)
        rollout = Rollout(*(value.double() if value.is_floating_point() else value for value in vars(rollout).values()))
        before = {name: value.clone() for name, value in wafer.policy.state_dict().items()}
        log = wafer.update(rollout, 0.1 * number, 0.05)
        alone = [chip.update(of_chip(rollout, k), 0.1 * number, 0.05) for k, chip in enumerate(chips)]
        logs.append(log)
        assert all(log.keys() == one.keys() for one in alone)
        for name, value in log.items():
            if name not in ("train/refit_shift",):  # a root of a mean
                assert value == pytest.approx(sum(one[name] for one in alone) / CHIPS, rel=1e-4, abs=1e-6), name
    whole = wafer.policy.state_dict()
    for number, chip in enumerate(chips):
        for name, value in chip.policy.state_dict().items():
            if ".meter." in name or name.startswith("meter."):
                continue
            found = whole[name] if whole[name].shape == value.shape else whole[name][number]
            torch.testing.assert_close(found, value, rtol=1e-4, atol=1e-5, msg=lambda text, name=name: f"{name} {text}")
        spent, alone_spent = whole["model.meter.measurements"][number], chip.policy.meter.totals()["measurements"]
        assert 0 <= spent - alone_spent <= 3 * 3 * N, "chips with fewer ends measure as many last states as the others"
        assert whole["model.meter.writes"][number] == chip.policy.meter.totals()["writes"]
    key = "model.network.units.0.control.mean"
    assert not torch.allclose(before[key], whole[key])
    for name in ("obs", "actions", "advantage", "returns", "score", "preference"):
        for k, chip in enumerate(chips):
            found, value = (getattr(rule.history[-1], name) for rule in (wafer, chip))
            torch.testing.assert_close(found[k], value, rtol=1e-4, atol=1e-5)


def test_the_log_of_a_wafer_has_the_root_of_all_chips_in_the_shift_of_the_refit():
    wafer, chips = make_rules("discrete", "digital")
    rollout = make_rollout("discrete", 4)
    rollout = Rollout(*(value.double() if value.is_floating_point() else value for value in vars(rollout).values()))
    found = wafer.update(rollout, 0.0, 0.05)["train/refit_shift"]
    each = [chip.update(of_chip(rollout, k), 0.0, 0.05)["train/refit_shift"] for k, chip in enumerate(chips)]
    assert found == pytest.approx((sum(value**2 for value in each) / CHIPS) ** 0.5, rel=1e-4)


def test_advantages_know_no_other_chip():
    arguments = [normal(CHIPS, STEPS, ENVS, seed=seed) for seed in range(3)]
    arguments += [(normal(CHIPS, STEPS, ENVS, seed=seed) > 1).float() for seed in (3, 4)]
    together = advantages(*arguments, 0.9, 0.8)
    for chip in range(CHIPS):
        assert torch.equal(together[chip], advantages(*(value[chip] for value in arguments), 0.9, 0.8))


@pytest.mark.parametrize("dual", [3.0, None])
@pytest.mark.parametrize("n", [1, 20])
def test_the_surrogate_standardises_advantages_of_each_chip(n, dual):
    change, advantage = normal(CHIPS, n), normal(CHIPS, n, seed=1) * torch.tensor([1.0, 50.0, 0.1])[:, None]
    found = clipped_surrogate(change, advantage, 0.2, dual)
    for chip in range(CHIPS):
        alone = clipped_surrogate(change[chip], advantage[chip], 0.2, dual)
        for name in ("advantage", "ratio", "most", "push", "gain"):
            torch.testing.assert_close(getattr(found, name)[chip], getattr(alone, name))
        assert torch.equal(found.held[chip], alone.held)


def experience(policy: PIBPolicy, n: int = 20) -> Experience:
    """What all chips of a policy's wafer saw and did."""
    obs, after = normal(CHIPS, n, D, seed=1), normal(CHIPS, n, D, seed=2)
    with torch.inference_mode():
        parameters, values = policy.outputs(obs)
        actions = policy.head.sample(parameters, policy.streams)
        score, preference = policy.head.score(parameters, actions), policy.head.preference(parameters)
    advantage = normal(CHIPS, n, seed=3) * torch.tensor([1.0, 50.0, 0.1])[:, None]
    return Experience(obs, after, actions, parameters, values, advantage, advantage + values, score, preference)


def alone(samples: Experience, chip: int) -> Experience:
    return Experience(*(value[chip] for value in vars(samples).values()))


def spread_out(policy: PIBPolicy, chip: int | None = None) -> None:
    """Another spread of continuous actions on each chip."""
    if isinstance(policy.action_space, spaces.Box):
        spreads = normal(CHIPS, 1, 2, seed=9) / 2
        policy.head.log_std.copy_(spreads if chip is None else spreads[chip])


@pytest.mark.parametrize("bonus", [0.0, 0.2])
@pytest.mark.parametrize("action", ACTIONS)
def test_loss_and_gradient_of_the_readout_come_per_chip(action, bonus):
    policy, config = make_policy(action, "digital"), RuleConfig()
    size = policy.model.network.tap_features + 1
    policy.model.readout.array.program(0.3 * normal(CHIPS, policy.head.outputs + 1, size, seed=8))
    spread_out(policy)
    samples = experience(policy)
    old = policy.head.log_prob(samples.parameters, samples.actions)
    outputs = samples.outputs + 0.5 * normal(*samples.outputs.shape, seed=7)
    loss = readout_loss(policy.split(outputs), samples, old, policy.head, config, bonus)
    found = readout_gradient(policy.split(outputs.clone()), samples, old, policy.head, config, bonus)
    assert loss.shape == found.divergence.shape == (CHIPS,)
    for chip in range(CHIPS):
        head, each = make_policy(action, "digital", chip), alone(samples, chip)
        spread_out(head, chip)
        rest = each, old[chip], head.head, config, bonus
        torch.testing.assert_close(readout_loss(policy.split(outputs[chip]), *rest), loss[chip])
        gradient = readout_gradient(policy.split(outputs[chip].clone()), *rest)
        torch.testing.assert_close(gradient.gradient, found.gradient[chip])
        torch.testing.assert_close(gradient.divergence, found.divergence[chip])


def test_the_target_of_each_chip_is_made_of_its_own_samples():
    policy = make_policy("box", "digital")
    samples = experience(policy)
    target = reward_target(samples)
    for chip in range(CHIPS):
        own = reward_target(alone(samples, chip))
        torch.testing.assert_close(target.values[chip], own.values, rtol=1e-4, atol=1e-5)
        assert target.blocks == own.blocks
    values = normal(CHIPS, 9, 2)
    torch.testing.assert_close(standardise(values)[1], standardise(values[1]))


def test_samples_are_taken_split_and_joined_for_all_chips():
    samples, pick = experience(make_policy("box", "digital")), torch.tensor([7, 0, 19])
    assert len(samples) == 20
    parts = [samples.part(which) for which in minibatches(20, 8, 1)]
    assert [len(part) for part in parts] == [8, 8, 4]
    third = samples.part(slice(1, 20, 3))
    assert torch.equal(third.obs, samples.obs[:, 1::3])
    assert torch.equal(third.values, samples.values[:, 1::3])
    for name, value in vars(samples).items():
        assert torch.equal(getattr(samples.take(pick), name), value[:, pick])
        assert torch.equal(getattr(Experience.joined(parts), name), value)
    assert samples.outputs.shape == (CHIPS, 20, 3)


def taught(hw: str) -> tuple[PIBPolicy, SelfTest]:
    """A wafer with outputs for all states, which the test remembers."""
    policy = make_policy("discrete", hw, units=1, width=48)
    size = policy.model.readout.array.in_features
    policy.model.readout.array.program(0.05 * normal(CHIPS, 4, size, seed=8))
    test = SelfTest(policy.model, 0.3)
    with torch.inference_mode():
        test.remember(STATES, policy.model.outputs(STATES))
    return policy, test


@torch.inference_mode()
def error(policy: PIBPolicy, wanted: Tensor) -> Tensor:
    """Mean square error of the outputs of each chip in their variances."""
    return ((policy.model.outputs(STATES, Read.MEAN) - wanted).square().mean(-2) / wanted.var(-2)).mean(-1)


@pytest.mark.parametrize(("hw", "fault"), [("memristive", "stuck:0..0.3"), ("optical", "rotate-medium:0..60")])
def test_only_broken_chips_are_brought_back(hw, fault):
    policy, test = taught(hw)
    assert test.broken().tolist() == [False] * CHIPS
    wanted = test.remembered.outputs
    inject(policy.model, parse(fault))
    state = {name: value.clone() for name, value in policy.state_dict().items()}
    before, broken = error(policy, wanted), test.broken()
    assert broken.tolist() == [False, True, True]
    log = test.restore(broken)
    after = error(policy, wanted)
    assert (after[1:] < 0.3 * before[1:]).all()
    assert log["train/broken"] == pytest.approx(float(before[1:].mean()) ** 0.5, rel=0.3)
    assert log["train/restored"] == pytest.approx(float(after[1:].mean()) ** 0.5, rel=0.5)
    for name, value in policy.state_dict().items():
        if "meter" not in name and value.shape[:1] == (CHIPS,):
            assert torch.equal(value[0], state[name][0]), name
    assert test.broken().tolist() == [False] * CHIPS, "what is lost is learned again"


def test_a_broken_chip_pauses_the_learning_of_all():
    rule = make_rules("discrete", "memristive")[0]
    rollout = make_rollout("discrete", 4)
    rollout = Rollout(*(value.double() if value.is_floating_point() else value for value in vars(rollout).values()))
    for _ in range(3):
        rule.update(rollout, 0.0, 0.6)
    assert not rule.test.broken().any()
    inject(rule.policy.model, parse("stuck:0..1"))
    first = rule.policy.model.network.chain[0]
    hidden, broken = first.array.weights().clone(), rule.test.broken()
    assert set(broken.tolist()) == {False, True}
    log = rule.update(rollout, 0.0, 0.6)
    assert {"train/broken", "train/restored"} <= log.keys()
    assert first.objective.decoder.own.flatten(1).any(1).tolist() == (~broken).tolist(), "what broke is forgotten"
    assert torch.equal(rule.policy.model.network.chain[0].array.weights(), hidden)
    assert len(rule.history) == 3
