"""Weights of samples: learning draws each as often as it counts, and scores weigh it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, r2_score

from pib_rl.agents.estimators.samples.weights import draw
from pib_rl.agents.estimators.supervised import PIBClassifier, PIBRegressor

KINDS = [PIBClassifier, PIBRegressor]
SMALL = {"width": 8, "units": 1, "epochs": 2, "batch_size": 16}
N = 40


def data(kind, n=N):
    x = np.random.default_rng(0).normal(size=(n, 3))
    return x, (x[:, 0] > 0).astype(int) if kind is PIBClassifier else x[:, 0]


def outputs(model, x):
    return model.predict_proba(x) if isinstance(model, PIBClassifier) else model.predict(x)


def counts(weight, start):
    return torch.bincount(draw(torch.tensor(weight, dtype=torch.float64), start), minlength=len(weight)).tolist()


def test_samples_are_drawn_as_often_as_they_count():
    assert counts([3.0, 3.0, 3.0], 0.0) == counts([3.0, 3.0, 3.0], 0.999) == [1, 1, 1]
    assert counts([2.0, 1.0, 1.0, 4.0], 0.5) == [1, 0, 1, 2]
    weight = np.random.default_rng(1).uniform(0.1, 5, size=30)
    wanted = len(weight) * weight / weight.sum()
    drawn = np.array([counts(weight, (k + 0.5) / 200) for k in range(200)])
    assert (drawn.sum(1) == len(weight)).all()
    assert (np.abs(drawn - wanted) < 1).all(), "rounded up or down"
    np.testing.assert_allclose(drawn.mean(0), wanted, atol=0.01)


@pytest.mark.parametrize("kind", KINDS)
def test_equal_weights_are_none(kind):
    x, y = data(kind)
    plain = kind(**SMALL).fit(x, y)
    for weight in (np.ones(N), np.full(N, 7), [0.25] * N):
        np.testing.assert_array_equal(outputs(kind(**SMALL).fit(x, y, weight), x), outputs(plain, x))
    some = kind(**SMALL).partial_fit(x, y, sample_weight=np.full(N, 3.0))
    np.testing.assert_array_equal(outputs(some, x), outputs(kind(**SMALL).partial_fit(x, y), x))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_weight_of_0_leaves_a_sample_out(kind, early_stopping):
    x, y = data(kind, 150)
    settings = SMALL | {"early_stopping": early_stopping}
    keep = np.arange(len(x)) % 3 > 0
    left = kind(**settings).fit(x[keep], y[keep])
    wild = np.where(keep[:, None], x, 1e6)  # not even for statistics
    np.testing.assert_array_equal(outputs(kind(**settings).fit(wild, y, keep.astype(float)), x), outputs(left, x))


@pytest.mark.parametrize("kind", KINDS)
def test_statistics_and_learning_are_of_samples_as_often_as_they_count(kind):
    x, y = data(kind)
    weight = np.repeat([1.0, 3.0], N // 2)
    model = kind(**SMALL).fit(x, y, weight)
    repeated = kind(**SMALL).fit(np.repeat(x, weight.astype(int), 0), np.repeat(y, weight.astype(int), 0))
    np.testing.assert_allclose(model.model_.normaliser.mean, repeated.model_.normaliser.mean, rtol=1e-12)
    np.testing.assert_allclose(model.model_.normaliser.std, repeated.model_.normaliser.std, rtol=1e-6)
    if kind is PIBRegressor:
        np.testing.assert_allclose([model.mean_, model.spread_], [repeated.mean_, repeated.spread_], rtol=1e-12)
    assert not np.allclose(outputs(model, x), outputs(kind(**SMALL).fit(x, y), x))


@pytest.mark.parametrize("learner", ["pib", "frozen", "backprop", "dfa"])
def test_what_counts_more_is_learned_better(learner):
    """The same inputs have both labels; whichever counts nine times as much is what the classifier says."""
    x = np.random.default_rng(2).normal(size=(60, 2))
    twice, both = np.concatenate([x, x]), np.repeat([0, 1], 60)
    for wanted in (0, 1):
        weight = np.where(both == wanted, 9.0, 1.0)
        model = PIBClassifier(width=8, units=1, epochs=10, batch_size=16, learner=learner).fit(twice, both, weight)
        assert (model.predict(x) == wanted).mean() > 0.9
        assert model.score(twice, both, weight) > 0.85


def test_weights_of_classes_move_the_predictions_as_repeated_samples_do():
    x = np.random.default_rng(3).normal(size=(200, 2))
    y = (x[:, 0] + 2 * np.random.default_rng(4).normal(size=200) > 0).astype(int)
    weight = np.where(y == 1, 5.0, 1.0)
    settings = {"width": 8, "units": 1, "epochs": 20, "batch_size": 32}
    weighted = PIBClassifier(**settings).fit(x, y, weight).predict_proba(x)
    repeated = PIBClassifier(**settings).fit(np.repeat(x, weight.astype(int), 0), np.repeat(y, weight.astype(int)))
    plain = PIBClassifier(**settings).fit(x, y).predict_proba(x)
    seen = [one.mean(0)[1] for one in (plain, weighted, repeated.predict_proba(x))]
    assert seen[1] - seen[0] > 0.2
    assert abs(seen[2] - seen[1]) < 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_scores_weigh_samples(kind):
    x, y = data(kind)
    model, weight = kind(**SMALL).fit(x, y), np.linspace(0, 2, N)
    metric = accuracy_score if kind is PIBClassifier else r2_score
    assert model.score(x, y, weight) == pytest.approx(metric(y, model.predict(x), sample_weight=weight))


BAD = [
    (np.ones(N - 1), rf"must be of shape \({N},\), a number for each sample, got \({N - 1},\)"),
    (np.ones((N, 1)), rf"must be of shape \({N},\), .*got \({N}, 1\)"),
    (2.0, rf"must be of shape \({N},\), .*got \(\)"),
    ("balanced", rf"must be a number for each of {N} samples, got str"),
    (print, rf"must be a number for each of {N} samples, got builtin"),
    (-np.ones(N), "must be 0 or more, got -1"),
    (np.zeros(N), "must be above 0 for some samples, got zero for all"),
    (np.full(N, np.nan), "contains NaN"),
    (np.full(N, np.inf), "contains infinity"),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("weight", "said"), BAD)
def test_what_are_no_weights_is_told_before_anything_is_learned(kind, weight, said):
    x, y = data(kind)
    model = kind(**SMALL)
    for learn in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match=said):
            learn(x, y, sample_weight=weight)
        assert not hasattr(model, "model_")
    fitted = kind(**SMALL).fit(x, y)
    for score in (fitted.score, fitted.chip_scores):
        with pytest.raises(ValueError, match=said):
            score(x, y, sample_weight=weight)


@pytest.mark.parametrize("kind", KINDS)
def test_two_samples_must_count(kind):
    x, y = data(kind)
    with pytest.raises(ValueError, match="must be above 0 for 2 samples or more, got 1 of them"):
        kind(**SMALL).fit(x, y, np.arange(N) == 3)


def test_a_fit_with_weights_goes_on_bit_by_bit():
    x, y = data(PIBClassifier)
    weight, states = np.linspace(0.5, 2, N), []
    settings = SMALL | {"epochs": 4}
    whole = PIBClassifier(**settings)
    whole.fit(x, y, weight, watch=lambda _: states.append(whole.training_state()))
    rest = PIBClassifier(**settings).prepare(x, y).go_on_from(states[1]).fit(x, y, weight)
    np.testing.assert_array_equal(rest.predict_proba(x), whole.predict_proba(x))
