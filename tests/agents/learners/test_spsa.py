"""Simultaneous perturbation: its loss, its estimate, what it costs and what it leaves behind."""

from __future__ import annotations

import pytest
import torch
from agent_toys import SUBSTRATES
from learner_toys import ACTIONS, assert_saving_is_unnoticed, batch_of, live, make_learner, update, weights

from pib_rl.agents import PIB
from pib_rl.agents.learners.spsa import SpsaOptions
from pib_rl.physical.substrate import Read

N = 32


def shifted(learner, n=N, seed=0):
    """Samples of a policy that has moved on since, so that some of them are clipped."""
    batch = live(learner.policy, n, seed)
    moved = batch.outputs + 0.5 * torch.randn(batch.outputs.shape, generator=torch.Generator().manual_seed(7))
    batch.parameters, batch.values = learner.policy.split(moved)
    batch.returns = batch.advantage + batch.values
    return batch


def by_hand(learner, batch, outputs):
    """Clipped surrogate, entropy bonus and value error, term by term."""
    head, config = learner.policy.head, learner.config
    advantage = (batch.advantage - batch.advantage.mean()) / batch.advantage.std()
    ratio = (head.log_prob(outputs[:, :-1], batch.actions) - head.log_prob(batch.outputs[:, :-1], batch.actions)).exp()
    gain = torch.minimum(ratio * advantage, ratio.clamp(1 - config.clip_range, 1 + config.clip_range) * advantage)
    gain = torch.where(advantage < 0, torch.maximum(gain, config.dual_clip * advantage), gain)
    error = (outputs[:, -1] - batch.advantage - batch.outputs[:, -1]).square().mean() / 2
    return error - gain.mean() - config.ent_coef * head.entropy(outputs[:, :-1]).mean(), gain != ratio * advantage


def true_gradient(learner, batch):
    """Autograd through a copy in software of the digital network."""
    policy = learner.policy
    leaves = [array.weights().clone().requires_grad_() for array in learner.arrays]
    drive, taps = policy.inputs(batch.obs) * policy.model.network.input_gain, []
    for leaf, unit in zip(leaves, policy.model.network.chain, strict=True):
        drive = unit.control.drive(drive.tanh() @ leaf.T)
        taps.append(drive.tanh())
    taps = torch.cat([*taps, torch.ones(len(drive), 1)], 1)
    by_hand(learner, batch, taps @ policy.model.readout.array.weights().T)[0].backward()
    return torch.cat([leaf.grad.flatten() for leaf in leaves])


@pytest.mark.parametrize("action", ACTIONS)
def test_the_loss_is_the_clipped_surrogate_with_entropy_and_value_error(action):
    learner = make_learner("spsa", action, ent_coef=0.1)
    batch = shifted(learner)
    outputs = learner.model.outputs(batch.obs)
    expected, clipped = by_hand(learner, batch, outputs)
    torch.testing.assert_close(batch_of(learner, batch).loss(outputs), expected, rtol=1e-4, atol=1e-5)
    assert 0.1 < clipped.float().mean() < 0.9


@pytest.mark.parametrize("action", ACTIONS)
def test_the_mean_estimate_is_the_gradient(action):
    learner = make_learner("spsa", action, width=3, options={"perturbation": 0.01})
    batch = shifted(learner)
    expected, total, draws = true_gradient(learner, batch), 0, 1500
    for _ in range(draws):
        gradients, back, _ = learner.estimate(batch_of(learner, batch), 0.0)
        total = total + torch.cat([gradient.flatten() for gradient in gradients])
        for array, way in zip(learner.arrays, back, strict=True):
            array.program(way)
    mean = total / draws
    # The spread of one estimate is |gradient| per weight, so that of the mean is (weights/draws)^0.5 as a whole.
    assert (mean - expected).norm() / expected.norm() < 2 * (len(mean) / draws) ** 0.5
    assert torch.nn.functional.cosine_similarity(mean, expected, dim=0) > 0.97


def test_a_perturbation_moves_every_weight_by_its_share_of_the_initial_deviation_and_comes_back():
    learner = make_learner("spsa", options={"perturbation": 0.1}, hidden_rate=0.0)
    before, batch = weights(learner), live(learner.policy, N)
    _, back, _ = learner.estimate(batch_of(learner, batch), 0.0)
    for was, now, way in zip(before, weights(learner), back, strict=True):
        torch.testing.assert_close(was - now, way)
        torch.testing.assert_close(way.abs(), torch.full_like(way, 0.1 * way.shape[1] ** -0.5))
        assert 0.2 < (way > 0).float().mean() < 0.8
    learner = make_learner("spsa", options={"perturbation": 0.1}, hidden_rate=0.0)
    update(learner, batch, 0.0)
    for was, now in zip(before, weights(learner), strict=True):
        torch.testing.assert_close(was, now, rtol=0, atol=1e-5)


def test_what_writing_leaves_behind_stays():
    quiet = {"stuck": 0.0, "device_spread": 0.0, "weight_bound": 12.0}
    learner = make_learner(
        "spsa",
        hw="memristive",
        width=24,
        hw_options=quiet,
        hidden_rate=0.0,
        hidden_steps=50,
        options={"perturbation": 0.02},
    )
    before = weights(learner)
    update(learner, live(learner.policy, N), 0.0)
    left = [
        (now - was).square().mean().sqrt() * was.shape[1] ** 0.5
        for was, now in zip(before, weights(learner), strict=True)
    ]
    assert all(0.9 < one / (0.52 * 0.02 * 50**0.5) < 1.1 for one in left)
    ideal = make_learner("spsa", hw="memristive", hw_options=quiet | {"write_noise": 0.0}, hidden_rate=0.0)
    before = weights(ideal)
    update(ideal, live(ideal.policy, N), 0.0)
    assert all((now - was).abs().max() < 1e-5 for was, now in zip(before, weights(ideal), strict=True))


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("hw", SUBSTRATES)
def test_a_step_costs_two_measurements_and_three_writes(hw, action):
    learner = make_learner("spsa", action, hw, hidden_steps=3, hidden_batch=8)
    batch, policy = live(learner.policy, N), learner.policy
    before, start = weights(learner), policy.meter.totals()
    readout = policy.model.readout.array.weights().clone()
    log = update(learner, batch, 0.0)
    cost = {key: count - start[key] for key, count in policy.meter.totals().items()}
    assert cost["measurements"] == 3 * 2 * 8 * (len(policy.model.network.chain) + 1)
    assert cost["writes"] == 3 * 3 * sum(array.devices for array in learner.arrays)
    assert all((was != now).float().mean() > 0.9 for was, now in zip(before, weights(learner), strict=True))
    assert torch.equal(policy.model.readout.array.weights(), readout)
    assert log.keys() == {"train/loss_hidden"}


def test_the_step_is_adams_along_the_estimate(monkeypatch):
    learner = make_learner("spsa", hidden_steps=1, hidden_rate=0.01)
    before, batch, found = weights(learner), live(learner.policy, N), []
    estimate = learner.estimate
    monkeypatch.setattr(learner, "estimate", lambda *rest: (found.append(estimate(*rest)), found[-1])[1])
    update(learner, batch, 0.5)
    for was, now, gradient in zip(before, weights(learner), found[0][0], strict=True):
        torch.testing.assert_close(now - was, -0.005 * gradient.sign(), rtol=1e-3, atol=1e-6)


def test_gain_controls_track_both_measurements_and_only_after_them(monkeypatch):
    learner = make_learner("spsa", track=0.1)
    batch, unit, network = live(learner.policy, N), learner.model.network.chain[0], learner.model.network
    seen, measure, mean = [], network.measure, unit.control.mean.clone()

    def watch(x):
        assert torch.equal(unit.control.mean, mean)
        seen.append(measure(x))
        return seen[-1]

    monkeypatch.setattr(network, "measure", watch)
    learner.estimate(batch_of(learner, batch), 0.1)
    both = torch.cat([seen[0].z[0], seen[1].z[0]])
    assert not torch.equal(seen[0].z[0], seen[1].z[0])
    torch.testing.assert_close(unit.control.mean, 0.9 * mean + 0.1 * both.mean(0))


def test_tracking_fades_with_the_training():
    moves = []
    for progress in (0.0, 0.5):
        learner = make_learner("spsa", hidden_steps=1, hidden_decay=2.0)
        control = learner.model.network.chain[0].control
        batch, mean = live(learner.policy, N), control.mean.clone()
        update(learner, batch, progress)
        moves.append((control.mean - mean).norm().item())
    assert moves[1] == pytest.approx(moves[0] / 4, rel=1e-3)


def test_the_last_rollout_of_a_training_leaves_the_devices_alone():
    learner = make_learner("spsa", hw="memristive")
    batch, before, start = live(learner.policy, N), weights(learner), learner.model.meter.totals()
    assert update(learner, batch, 1.0) == {}
    assert learner.model.meter.totals() == start
    assert all(torch.equal(was, now) for was, now in zip(before, weights(learner), strict=True))


@pytest.mark.parametrize(
    ("hw", "perturbation", "rate"),
    [
        pytest.param("digital", 0.02, 3e-3, marks=pytest.mark.slow),
        ("memristive", 0.01, 3e-3),
        pytest.param("optical", 0.1, 1e-3, marks=pytest.mark.slow),
    ],
)
def test_it_lowers_its_loss(hw, perturbation, rate):
    learner = make_learner(
        "spsa",
        hw=hw,
        hidden_rate=rate,
        hidden_decay=0.0,
        hidden_steps=300,
        hidden_batch=128,
        options={"perturbation": perturbation},
    )
    batch = live(learner.policy, 128)
    start = batch_of(learner, batch).loss(learner.model.outputs(batch.obs, Read.MEAN))
    update(learner, batch, 0.0)
    assert batch_of(learner, batch).loss(learner.model.outputs(batch.obs, Read.MEAN)) < start - 0.02


def test_its_gain_in_outputs_is_not_refitted_away(monkeypatch):
    agent = PIB("MlpPolicy", "CartPole-v1", learner="spsa", n_steps=32, width=4, seed=3)
    monkeypatch.setattr(agent.policy.model.readout, "refit", lambda *rest: pytest.fail("re-fit"))
    agent.learn(64)


@pytest.mark.parametrize(("action", "hw"), [("discrete", "digital"), ("box", "memristive"), ("discrete", "optical")])
def test_saving_goes_unnoticed(action, hw, tmp_path):
    assert_saving_is_unnoticed("spsa", action, hw, tmp_path / "agent.zip")


@pytest.mark.parametrize("value", [0.0, -0.1, 1.5, float("nan"), float("inf")])
def test_a_bad_perturbation_is_refused(value):
    with pytest.raises(ValueError, match=r"^spsa's perturbation must be > 0 and <= 1 .*, got"):
        SpsaOptions(perturbation=value)
    with pytest.raises(ValueError, match="perturbation"):
        PIB("MlpPolicy", "CartPole-v1", learner="spsa", rule={"perturbation": value})


def test_options_of_the_wrong_name_or_type_are_refused():
    with pytest.raises(ValueError, match="has no option 'perturbatoin'"):
        PIB("MlpPolicy", "CartPole-v1", learner="spsa", rule={"perturbatoin": 0.1})
    with pytest.raises(ValueError, match="perturbation must be float, got 'much'"):
        PIB("MlpPolicy", "CartPole-v1", learner="spsa", rule={"perturbation": "much"})
