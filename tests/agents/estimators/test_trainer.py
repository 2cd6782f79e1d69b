"""Learning from labels: its gradients, its cost, its schedule."""

from __future__ import annotations

import pytest
import torch
from agent_toys import SUBSTRATES

from pib_rl.agents.estimators.samples.label_samples import ClassSamples, ValueSamples
from pib_rl.agents.estimators.trainer import FitConfig, Trainer
from pib_rl.agents.learners.frozen import Frozen
from pib_rl.agents.learners.pib import PIBLearner
from pib_rl.agents.learners.samples import Batch
from pib_rl.agents.network.chip import ChipConfig
from pib_rl.agents.network.model import PhysicalModel
from pib_rl.physical.substrate import Read

N, D, C = 40, 6, 3


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def make(hw: str = "digital", target_inputs: bool = False, outputs: int = C, objective: str = "ridge") -> PhysicalModel:
    model = PhysicalModel(
        ChipConfig(hw=hw, width=8, units=2, objective=objective),
        D,
        outputs,
        target_features=outputs,
        target_inputs=outputs if target_inputs else 0,
    )
    model.fit_statistics(3 + 2 * normal(N, D))
    return model


def labelled(model: PhysicalModel, kind: type = ClassSamples):
    x = 3 + 2 * normal(N, D)
    return kind(model, x, torch.arange(N) % C if kind is ClassSamples else normal(N, C, seed=5))


@pytest.mark.parametrize("kind", [ClassSamples, ValueSamples])
def test_the_readouts_gradient_is_that_of_the_loss(kind):
    samples, pick = labelled(make(), kind), torch.tensor([3, 1, 20, 8])
    leaf = normal(4, C, seed=2).requires_grad_()
    loss = samples.loss(pick, leaf)
    loss.backward()
    torch.testing.assert_close(samples.gradient(pick, leaf.detach()), leaf.grad)


def test_scores():
    classes, values, pick = labelled(make()), labelled(make(), ValueSamples), torch.arange(N)
    right = torch.nn.functional.one_hot(classes.y, C).float()
    assert classes.score(pick, right) == 1
    assert classes.score(pick, right.roll(1, 1)) == 0
    assert values.score(pick, values.y) == 1
    assert values.score(pick, values.y.mean(0).expand(N, C)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("kind", [ClassSamples, ValueSamples])
def test_a_contrast_holds_the_right_label_and_another_one_around_a_common_middle(kind):
    model = make(target_inputs=True)
    samples, pick = labelled(model, kind), torch.arange(N)
    given, other, weight = samples.contrast(pick)
    assert torch.equal(given[:, :D], model.normaliser(samples.x))
    assert torch.equal(given[:, :D], other[:, :D])
    torch.testing.assert_close(given[:, D:].mean(0) + other[:, D:].mean(0), torch.zeros(C), rtol=0, atol=1e-6)
    assert (weight > 0).all()
    if kind is ClassSamples:
        assert torch.equal(given[:, D:].argmax(1), samples.y)
        assert (other[:, D:].argmax(1) != samples.y).all()
    assert torch.equal(samples.inputs(pick)[:, D:], torch.zeros(N, C))


@pytest.mark.parametrize("hw", SUBSTRATES)
def test_a_batch_is_measured_once_and_written_once(hw):
    model = make(hw)
    samples, config = labelled(model), FitConfig(epochs=1, batch_size=10)
    start = model.meter.totals()
    Trainer(model, config, PIBLearner(model, config)).fit(samples)
    cost = {key: count - start[key] for key, count in model.meter.totals().items()}
    assert cost["measurements"] == N * 3
    arrays = [unit.array for unit in model.network.chain]
    assert cost["writes"] == 4 * (sum(array.devices for array in arrays) + model.readout.array.devices)


def test_every_sample_is_seen_once_per_epoch_but_for_a_small_rest():
    model, seen = make(), []
    samples, config = labelled(model), FitConfig(epochs=2, batch_size=16)
    trainer = Trainer(model, config, Frozen(model, config))
    teach = trainer.teach_units
    trainer.teach_units = lambda samples, pick, progress: (seen.append(pick), teach(samples, pick, progress))[1]
    trainer.fit(samples)
    assert [len(pick) for pick in seen] == [16, 16, 8, 16, 16, 8]
    assert sorted(torch.cat(seen[:3]).tolist()) == list(range(N))
    assert not torch.equal(seen[0], seen[3])
    config = FitConfig(epochs=1, batch_size=18)
    assert [len(pick) for pick in Trainer(model, config, Frozen(model, config))._batches(N)] == [18, 18]


def test_a_batch_is_remembered_after_the_units_have_learned_from_it(monkeypatch):
    model = make(objective="decoder")
    learner, events = PIBLearner(model, FitConfig()), []
    objective = model.network.chain[0].objective
    score, absorb = objective.forward, objective.absorb
    monkeypatch.setattr(objective, "forward", lambda z, *rest: (events.append(("score", z)), score(z, *rest))[1])
    monkeypatch.setattr(objective, "absorb", lambda z, *rest: (events.append(("absorb", z)), absorb(z, *rest))[1])
    Trainer(model, FitConfig(epochs=1, batch_size=20), learner).fit(labelled(model))
    assert [name for name, _ in events] == ["score", "absorb"] * 2
    assert torch.equal(events[0][1], events[1][1])
    assert torch.equal(events[2][1], events[3][1])


def test_rates_fall_over_all_epochs(monkeypatch):
    model, rates = make(), []
    config = FitConfig(epochs=2, batch_size=20, learning_rate=2.0, decay=2.0, hidden_rate=0.1, hidden_decay=1.0)
    learner = PIBLearner(model, config)
    step, update_units = model.readout.step, learner.local.update
    monkeypatch.setattr(model.readout, "step", lambda x, g, rate: (rates.append(rate), step(x, g, rate))[1])
    monkeypatch.setattr(
        learner.local, "update", lambda seen, y, how: (rates.append(how.rate), update_units(seen, y, how))[1]
    )
    Trainer(model, config, learner).fit(labelled(model))
    assert rates == pytest.approx([0.1, 2.0, 0.075, 2 * 0.75**2, 0.05, 0.5, 0.025, 2 * 0.25**2])


def test_a_batch_measures_when_it_is_asked_and_only_once():
    model = make()
    batch, start = Batch(labelled(model), torch.arange(5), model.network), model.meter.totals()["measurements"]
    assert model.meter.totals()["measurements"] == start
    assert batch.measure() is batch.measure()
    assert model.meter.totals()["measurements"] == start + 5 * 2
    assert len(batch) == 5


def test_common_statistics_keep_the_ratios_of_features():
    x = 3 + normal(N, D) * torch.arange(1, D + 1)
    model = PhysicalModel(ChipConfig(width=128, units=3), D, C, common=True)
    model.fit_statistics(x)
    expected = ((x - x.mean()) / x.std(correction=0)).clamp(-5, 5)
    torch.testing.assert_close(model.inputs(x), expected, rtol=1e-4, atol=1e-4)
    own = PhysicalModel(ChipConfig(width=128, units=3), D, C)
    own.fit_statistics(x)
    torch.testing.assert_close(own.inputs(x).std(0, correction=0), torch.ones(D), rtol=1e-3, atol=1e-3)


def test_outputs_are_those_of_the_readout_on_the_taps():
    model, x = make("memristive"), 3 + 2 * normal(N, D)
    model.readout.array.program(0.1 * normal(C, model.network.tap_features + 1))
    torch.testing.assert_close(model.outputs(x, Read.MEAN), model.readout.measure(model.taps(x, Read.MEAN), Read.MEAN))
    assert not torch.equal(model.outputs(x, Read.NOISY), model.outputs(x, Read.NOISY))
    assert model.devices == 2 * (8 * 6 + 8 * 8 + C * (2 * 8 + 1))
