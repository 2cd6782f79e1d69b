"""One iteration of the rule: its target, its policy gradient, its re-fit, and what it leaves alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from agent_toys import SUBSTRATES
from gymnasium import spaces

from pib_rl.agents import PIBPolicy, Rule, RuleConfig
from pib_rl.agents.learners.registry import find_learner
from pib_rl.agents.rule import iteration
from pib_rl.agents.rule.experience import Experience, reward_target
from pib_rl.agents.rule.rollout import Rollout
from pib_rl.physical.substrate import Read

STEPS, ENVS, D = 16, 4, 5
N = STEPS * ENVS
ACTIONS = {"discrete": spaces.Discrete(3), "box": spaces.Box(-1, 1, (2,))}


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def make(
    action: str = "discrete", hw: str = "digital", learner: str = "pib", steps: int = STEPS, **config
) -> tuple[Rule, Rollout]:
    policy = PIBPolicy(spaces.Box(-np.inf, np.inf, (D,)), ACTIONS[action], hw=hw, width=6, seed=0)
    policy.model.readout.array.program(
        0.3 * normal(policy.head.outputs + 1, policy.model.network.tap_features + 1, seed=8)
    )
    order = torch.arange(steps * ENVS).reshape(steps, ENVS)
    taken = order % 3 if action == "discrete" else normal(steps, ENVS, 2, seed=3)
    parameters, values = policy.split(normal(steps, ENVS, policy.head.outputs + 1, seed=4))
    none = torch.zeros(steps, ENVS)
    settings = RuleConfig(**config)
    rollout = Rollout(
        normal(steps, ENVS, D, seed=1),
        normal(steps, ENVS, D, seed=2),
        taken,
        parameters,
        values,
        normal(steps, ENVS, seed=5),
        none,
        none.clone(),
    )
    return Rule(policy, settings, find_learner(learner)(policy.model, settings)), rollout


def hidden(rule: Rule) -> list[torch.Tensor]:
    return [
        value.clone() for unit in rule.policy.model.network.chain for value in (unit.array.weights(), unit.control.mean)
    ]


@pytest.mark.parametrize("bonus", [0.0, 0.2])
@pytest.mark.parametrize("action", ACTIONS)
def test_the_readout_follows_the_clipped_policy_gradient_and_the_value_error(action, bonus, monkeypatch):
    rule, rollout = make(action, learner="frozen", epochs=1, batch_size=N, ent_coef=bonus, spread_rate=0.0)
    asked = []
    monkeypatch.setattr(rule.policy.model.readout, "step", lambda *arguments: asked.append(arguments))
    rule.update(rollout, 0.0, 7e-4)
    (inputs, gradient, rate), head, seen = asked[0], rule.policy.head, rule.history[-1]
    taps = rule.policy.model.network.measure(rule.policy.model.normaliser(seen.obs)).taps
    assert torch.equal(seen.returns, seen.advantage + seen.values)
    order = torch.cdist(inputs[:, :-1], taps).argmin(1)  # the batch comes shuffled
    assert sorted(order.tolist()) == list(range(N))
    advantage = seen.advantage[order]
    advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
    leaf = (inputs @ rule.policy.model.readout.array.weights().T).requires_grad_()
    old = head.log_prob(seen.outputs[order, :-1], seen.actions[order])
    ratio = (head.log_prob(leaf[:, :-1], seen.actions[order]) - old).exp()
    gain = torch.minimum(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage)
    gain = torch.where(advantage < 0, torch.maximum(gain, 3 * advantage), gain).mean()
    error = 0.5 * (leaf[:, -1] - seen.returns[order]).square().mean()
    (error - gain - bonus * head.entropy(leaf[:, :-1]).mean()).backward()
    torch.testing.assert_close(gradient, leaf.grad, rtol=1e-4, atol=1e-6)
    assert 0.2 < ((ratio < 0.8) | (ratio > 1.2)).float().mean() < 0.95  # some were clipped, some not
    assert rate == 7e-4


@pytest.mark.parametrize("action", ACTIONS)
def test_the_target_is_what_the_readout_should_say(action):
    rule, _ = make(action)
    size = rule.policy.head.score_features
    outputs = normal(40, rule.policy.head.outputs + 1)
    advantage, score, preference = normal(40, seed=6) + 1, normal(40, size, seed=7), 3 * normal(40, size, seed=8) + 1
    first, second = (
        Experience(
            normal(20, D, seed=1),
            normal(20, D, seed=2),
            torch.zeros(20),
            *rule.policy.split(outputs[part]),
            advantage[part],
            advantage[part] + outputs[part, -1],
            score[part],
            preference[part],
        )
        for part in (slice(0, 20), slice(20, 40))
    )
    target = reward_target(Experience.joined([first, second]))

    wanted = preference + advantage[:, None] / advantage.std() * score
    returns = (advantage + outputs[:, -1])[:, None]
    expected = torch.cat([wanted / wanted.square().mean().sqrt(), (returns - returns.mean()) / returns.std()], 1)
    torch.testing.assert_close(target.values, expected - expected.mean(0), rtol=1e-4, atol=1e-5)
    assert target.blocks == (size, 1)
    explained = rule.policy.model.network.chain[0].objective.gate.explained
    assert target.values.shape[1] == len(explained)


@pytest.mark.parametrize("action", ACTIONS)
def test_what_the_policy_preferred_is_that_of_the_outputs_it_acted_on(action):
    rule, rollout = make(action, learner="frozen")
    head, parameters = rule.policy.head, rollout.parameters.flatten(0, 1).clone()
    expected = head.preference(parameters)  # before the spread of actions moves
    rule.update(rollout, 0.0, 3e-3)
    assert torch.equal(rule.history[-1].preference, expected)
    assert expected.shape == (N, head.score_features)


@pytest.mark.parametrize("hw", SUBSTRATES)
def test_frozen_units_keep_every_bit_while_the_readout_moves(hw):
    rule, rollout = make(hw=hw, learner="frozen")
    rule.update(rollout, 0.0, 3e-3)  # the first rollout sets the gain controls once
    before, readout = hidden(rule), rule.policy.model.readout.array.weights().clone()
    rule.update(rollout, 0.0, 3e-3)
    assert all(torch.equal(was, now) for was, now in zip(before, hidden(rule), strict=True))
    assert not torch.equal(rule.policy.model.readout.array.weights(), readout)


@pytest.mark.parametrize("hw", SUBSTRATES)
def test_learning_units_all_move(hw):
    rule, rollout = make(hw=hw)
    rule.update(rollout, 0.0, 3e-3)
    before = hidden(rule)
    rule.update(rollout, 0.0, 3e-3)
    assert all(not torch.equal(was, now) for was, now in zip(before, hidden(rule), strict=True))


def test_hidden_steps_fade_with_the_training():
    moves = []
    for progress in (0.0, 0.5, 1.0):
        rule, rollout = make(hidden_decay=2.0)
        before = rule.policy.model.network.chain[0].array.weights().clone()
        rule.update(rollout, progress, 3e-3)
        moves.append((rule.policy.model.network.chain[0].array.weights() - before).norm().item())
    assert moves[2] == 0
    assert moves[1] == pytest.approx(moves[0] / 4, rel=0.2)


@pytest.mark.parametrize(("rollouts", "sources"), [(1, 1), (2, 2), (3, 3)])
def test_hidden_steps_go_through_the_newest_rollouts_sample_by_sample(rollouts, sources, monkeypatch):
    monkeypatch.setattr(iteration, "HELD", 0)
    rule, rollout = make(hidden_rollouts=rollouts, replay_rollouts=1, hidden_batch=16, hidden_steps=sources * N // 16)
    seen, update = [], rule.learner.update
    monkeypatch.setattr(
        rule.learner,
        "update",
        lambda batch, progress: (seen.append((batch.x, batch.target)), update(batch, progress))[1],
    )
    for number in range(4):
        rollout.obs = rollout.next_obs = normal(STEPS, ENVS, D, seed=number)
        seen.clear()
        rule.update(rollout, 0.0, 0.0)
    obs = torch.cat([normal(STEPS, ENVS, D, seed=number).flatten(0, 1) for number in range(4 - sources, 4)])
    expected = rule.policy.model.normaliser(obs)
    x, target = torch.cat([part for part, _ in seen]), torch.cat([target.values for _, target in seen])
    assert len(x) == len(expected)
    order = torch.cdist(x, expected).argmin(1)
    assert sorted(order.tolist()) == list(range(sources * N))
    torch.testing.assert_close(x, expected[order])
    wanted = reward_target(Experience.joined(list(rule.history)[-sources:]))
    torch.testing.assert_close(target, wanted.values[order])  # each its own target


def test_every_sample_of_the_newest_rollout_is_remembered_once_after_all_steps(monkeypatch):
    # Two rollouts to learn from, of 640 samples: more than are measured at once, and some are held out from the steps.
    rule, rollout = make(steps=160, hidden_rollouts=2, hidden_steps=3)
    learner, events, batches = rule.learner, [], []
    update, remember = learner.update, learner.remember
    monkeypatch.setattr(learner, "update", lambda batch, t: (events.append("update"), update(batch, t))[1])
    monkeypatch.setattr(
        learner, "remember", lambda batch: (events.append("remember"), batches.append(batch), remember(batch))[2]
    )
    for number in range(2):
        rollout.obs = normal(160, ENVS, D, seed=number)
        events.clear()
        batches.clear()
        rule.update(rollout, 0.0, 0.0)
    assert events == ["update"] * 3 + ["remember"] * 2
    newest = rule.history[-1]
    torch.testing.assert_close(torch.cat([batch.x for batch in batches]), rule.policy.model.normaliser(newest.obs))
    target = torch.cat([batch.target.values for batch in batches])
    torch.testing.assert_close(target, reward_target(newest).values)


def test_what_is_remembered_is_measured_on_the_units_as_they_are_now(monkeypatch):
    rule, rollout = make(steps=32, hidden_rate=0.05)
    rule.update(rollout, 0.0, 0.0)  # the decoder knows something from here on
    first, absorbed = rule.policy.model.network.chain[0], []
    monkeypatch.setattr(first.objective, "absorb", lambda z, target, h: absorbed.append(z))
    before = first.array.weights().clone()
    rule.update(rollout, 0.0, 0.0)
    assert not torch.equal(first.array.weights(), before)
    x = rule.policy.inputs(rule.history[-1].obs)
    torch.testing.assert_close(torch.cat(absorbed), rule.policy.model.network.measure(x).z[0])


def act(rule: Rule, rollout: Rollout) -> Rollout:
    """The rollout as this policy would have measured it while acting."""
    outputs = rule.policy.outputs(rollout.obs.flatten(0, 1))
    rollout.parameters, rollout.values = (part.unflatten(0, (STEPS, ENVS)) for part in outputs)
    return rollout


@pytest.mark.parametrize("hw", SUBSTRATES)
def test_the_refit_keeps_what_the_readout_said_while_units_move(hw):
    changes = []
    for ridge in (RuleConfig.ridge, 1e9):
        rule, rollout = make(hw=hw, hidden_rate=3e-2, hidden_steps=4, ridge=ridge)
        obs = rollout.obs.flatten(0, 1)
        rule.update(act(rule, rollout), 0.0, 0.0)  # decoders have seen nothing yet: nothing moves
        before = rule.policy.model.outputs(obs, Read.MEAN)
        rule.update(act(rule, rollout), 0.0, 0.0)  # a readout rate of 0: nothing but the re-fit moves it
        changes.append((rule.policy.model.outputs(obs, Read.MEAN) - before).square().mean().item())
    assert changes[1] > 0.005
    assert changes[0] < 0.7 * changes[1]


def test_noise_does_not_shrink_the_readout():
    # The units stand still; a re-fit that reads its wish and its inputs from one noisy measurement would fade.
    rule, rollout = make(hw="memristive", hidden_rate=0.0, track=0.0)
    rule.policy.model.network.last._noise = rule.policy.model.network.chain[1].medium._noise = 0.3
    before = rule.policy.model.readout.array.weights().clone()
    for _ in range(10):
        rule.update(act(rule, rollout), 0.0, 0.0)
    after = rule.policy.model.readout.array.weights()
    assert (after * before).sum() / before.square().sum() > 0.85


def test_units_that_stand_still_leave_the_readout_alone():
    # Between two noisy reads outputs differ although nothing has moved; fitting that would be a random walk.
    kept = []
    for rate in (0.0, 3e-2):
        rule, rollout = make(hw="optical", hidden_rate=rate, track=0.0)
        obs = rollout.obs.flatten(0, 1)
        rule.update(act(rule, rollout), 0.0, 0.0)  # decoders have seen nothing yet: nothing moves
        before = rule.policy.model.outputs(obs, Read.MEAN)
        log = rule.update(act(rule, rollout), 0.0, 0.0)
        kept.append(log["train/refit_kept"])
        moved = (rule.policy.model.outputs(obs, Read.MEAN) - before).square().mean()
        if not rate:
            assert moved < 0.1 * log["train/refit_shift"] ** 2
    assert kept[0] < 0.5 < 0.9 < kept[1]


@pytest.mark.parametrize("fraction", [0.0, 0.5])
def test_older_states_take_part_in_the_refit(fraction, monkeypatch):
    rule, rollout = make(replay_rollouts=2, hidden_rollouts=4, replay_fraction=fraction, hidden_rate=0.0, track=0.0)
    asked, network = [], rule.policy.model.network
    monkeypatch.setattr(
        rule.policy.model.readout,
        "refit",
        lambda inputs, shift, ridge, noise, margin: (asked.append(inputs[:, :-1]), noise)[1],
    )
    extra = int(N * fraction)
    for number in range(4):
        rollout.obs = normal(STEPS, ENVS, D, seed=number)
        rule.update(rollout, 0.0, 0.0)
        assert len(asked[-1]) == N + min(number, 2) * extra
        for back in range(min(number, 2) + 1):  # the newest whole, then a fraction of each of the two before
            obs = normal(N, D, seed=number - back)
            taps = network.measure(rule.policy.model.normaliser(obs)).taps
            known = (torch.cdist(asked[-1], taps).min(1).values < 1e-2).sum()
            assert known == (extra if back else N)


@pytest.mark.parametrize("action", ACTIONS)
def test_the_entropy_bonus_fades_as_asked(action, monkeypatch):
    for decay, progress, left in ((0.0, 0.75, 1.0), (1.0, 0.75, 0.25), (2.0, 0.5, 0.25), (1.0, 1.0, 0.0)):
        rule, rollout = make(action, learner="frozen", epochs=1, ent_coef=0.2, ent_decay=decay)
        seen, head = [], rule.policy.head
        monkeypatch.setattr(head, "gradient", lambda p, a, push, bonus, seen=seen: (seen.append(bonus), p * 0)[1])
        monkeypatch.setattr(head, "update_std", lambda p, a, push, bonus, rate, seen=seen: seen.append(bonus))
        rule.update(rollout, progress, 3e-3)
        assert seen == pytest.approx([0.2 * left] * len(seen))
        assert len(seen) >= 2


def test_rewards_count_in_units_of_the_return_scale():
    results = []
    for size in (1.0, 1000.0):
        rule, rollout = make(learner="frozen")
        rollout.rewards *= size
        rule.update(rollout, 0.0, 0.0)
        results.append(rule.history[-1].advantage)
    torch.testing.assert_close(*results, rtol=1e-3, atol=1e-3)


def test_the_log_names_what_it_measured():
    rule, rollout = make()
    log = rule.update(rollout, 0.0, 3e-3)
    expected = {
        "train/loss_unit1",
        "train/loss_unit2",
        "train/clip_fraction",
        "train/approx_kl",
        "train/explained_variance",
        "information/input_unit1",
        "information/target_unit1",
        "information/input_unit2",
        "information/target_unit2",
    }
    assert expected <= log.keys()
    assert all(np.isfinite(value) for value in log.values())
    assert 0 <= log["train/clip_fraction"] <= 1


@pytest.mark.parametrize("hw", ["memristive", "optical"])
def test_values_do_not_share_the_read_noise_of_the_actions(hw):
    rule, rollout = make(hw=hw, learner="frozen", steps=500)
    policy, obs = rule.policy, rollout.obs.flatten(0, 1)
    outputs = policy.model.outputs(obs)
    rollout.parameters = policy.split(outputs).parameters.view_as(rollout.parameters)
    exact = torch.stack([policy.model.outputs(obs) for _ in range(64)]).mean(0)
    rule.update(rollout, 1.0, 0.0)
    used = rule.history[0].outputs
    assert torch.equal(used[:, :-1], outputs[:, :-1])
    acting, own = outputs[:, -1] - exact[:, -1], used[:, -1] - exact[:, -1]
    assert own.std().item() == pytest.approx(acting.std().item(), rel=0.1)
    assert abs(torch.corrcoef(torch.stack([acting, own]))[0, 1].item()) < 0.1


def test_explained_variance_is_that_of_the_values_before_learning():
    rule, rollout = make(learner="frozen")
    log = rule.update(rollout, 0.0, 0.0)
    seen = rule.history[-1]
    expected = 1 - (seen.returns - seen.values).var() / seen.returns.var()
    assert log["train/explained_variance"] == pytest.approx(expected.item(), abs=1e-5)
    assert rule.policy.model.outputs(seen.obs, Read.MEAN).isfinite().all()


def test_samples_that_are_held_out_are_in_no_batch_and_are_measured_before_and_after(monkeypatch):
    rule, rollout = make(hidden_batch=16, hidden_steps=20)
    seen, held = [], []
    for name, notes in (("update", seen), ("begin", held), ("finish", held)):
        call = getattr(rule.learner, name)
        monkeypatch.setattr(
            rule.learner, name, lambda batch, *rest, c=call, n=notes: (n.append(batch.x), c(batch, *rest))[1]
        )
    rule.update(rollout, 0.0, 0.0)
    assert len(held) == 2
    assert torch.equal(*held)
    assert len(held[0]) == N // 4
    assert torch.cdist(torch.cat(seen), held[0]).min() > 1e-3
