"""Estimators on a wafer: all chips learn at once, each as it would alone."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score, r2_score

from pib_rl.agents.estimators import PIBClassifier, PIBEncoder, PIBRegressor
from pib_rl.agents.estimators.trainer import Trainer

CHIPS, SEED = 3, 5
SMALL = {"width": 16, "units": 2, "epochs": 4, "seed": SEED}
KINDS = [PIBClassifier, PIBRegressor, PIBEncoder]
STILL = {"write_noise": 0.0, "read_noise": 0.0, "medium_noise": 0.0}


@pytest.fixture(scope="module")
def data():
    x, y = load_digits(return_X_y=True)
    return x[:240], y[:240], x[240:340], y[240:340]


def targets(kind: type, x: np.ndarray, y: np.ndarray):
    """What an estimator learns: labels, two values of each sample, or nothing."""
    return {PIBClassifier: y, PIBRegressor: x[:, 10:12] + 0.5 * y[:, None], PIBEncoder: None}[kind]


def answers(model, x: np.ndarray) -> np.ndarray:
    return model.transform(x) if isinstance(model, PIBEncoder) else model._predict(x)


@pytest.fixture(scope="module", params=KINDS)
def fitted(request, data):
    x, y, *_ = data
    return request.param(hw="memristive", chips=CHIPS, **SMALL).fit(x, targets(request.param, x, y))


def in_order(trainer: Trainer, n: int, weight=None) -> list[torch.Tensor]:
    return list(torch.split(torch.arange(trainer.samples_used(n)), trainer.config.batch_size))


def unchanged_views(kind: type) -> dict:
    return {"views": {"swap": 0.0, "noise": 0.0}} if kind is PIBEncoder else {}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("hw", "learner"), [("digital", "pib"), ("digital", "frozen"), ("memristive", "pib"), ("memristive", "local-td")]
)
def test_each_chip_learns_what_it_learns_alone_from_the_same_batches(kind, hw, learner, data, monkeypatch):
    monkeypatch.setattr(Trainer, "_batches", in_order)
    x, y, x_test, _ = data
    x = x + np.random.default_rng(0).normal(size=x.shape)  # of pixels that never change, Adam would learn rounding
    options = SMALL | {"hw": hw, "epochs": 2, "learner": learner} | unchanged_views(kind)
    options |= {"hw_options": STILL} if hw == "memristive" else {}
    wafer = kind(chips=CHIPS, **options).fit(x, targets(kind, x, y))
    alone = [kind(**options | {"seed": SEED + chip}).fit(x, targets(kind, x, y)) for chip in range(CHIPS)]
    found = answers(wafer, x_test)
    assert np.abs(found[0] - found[1]).max() > 0.1
    for chip, single in enumerate(alone):
        np.testing.assert_allclose(found[chip], answers(single, x_test), atol=2e-3)
    for name in wafer.history_[-1]:
        assert wafer.history_[-1][name] == pytest.approx(np.mean([one.history_[-1][name] for one in alone]), abs=2e-3)


def test_predictions_have_a_leading_axis_of_chips(data):
    x, y, x_test, _ = data
    n = len(x_test)
    classes = PIBClassifier(chips=CHIPS, **SMALL).fit(x, y)
    assert classes.predict(x_test).shape == (CHIPS, n)
    assert classes.predict_proba(x_test).shape == (CHIPS, n, 10)
    np.testing.assert_allclose(classes.predict_proba(x_test).sum(-1), 1)
    np.testing.assert_array_equal(classes.predict_proba(x_test).argmax(-1), classes.predict(x_test))
    assert PIBRegressor(chips=CHIPS, **SMALL).fit(x, y).predict(x_test).shape == (CHIPS, n)
    assert PIBRegressor(chips=CHIPS, **SMALL).fit(x, x[:, 10:13]).predict(x_test).shape == (CHIPS, n, 3)
    encoder = PIBEncoder(chips=CHIPS, **SMALL).fit(x)
    features = encoder.transform(x_test)
    assert features.shape == (CHIPS, n, 32)
    decoded = encoder.inverse_transform(features)
    assert decoded.shape == (CHIPS, n, 64)
    np.testing.assert_allclose(encoder.inverse_transform(features[1])[1], decoded[1], rtol=1e-4, atol=1e-3)


def test_every_chip_learns_and_no_two_are_alike(data):
    x, y, x_test, y_test = data
    model = PIBClassifier(hw="memristive", chips=CHIPS, **SMALL | {"epochs": 20}).fit(x, y)
    scores = model.chip_scores(x_test, y_test)
    assert scores.shape == (CHIPS,)
    assert (scores > 0.8).all()
    probabilities = model.predict_proba(x_test)
    assert all(np.abs(probabilities[a] - probabilities[b]).max() > 0.05 for a, b in [(0, 1), (0, 2), (1, 2)])


def test_the_score_is_the_mean_of_those_of_the_chips(fitted, data):
    *_, x, y = data
    known = targets(type(fitted), x, y)
    scores = fitted.chip_scores(x, known)
    assert scores.shape == (CHIPS,)
    assert len(set(scores)) > 1
    assert fitted.score(x, known) == pytest.approx(scores.mean(), abs=1e-9)
    for chip in range(CHIPS):
        single = fitted.of_chip(chip)
        expected = scores[chip]
        if isinstance(fitted, PIBEncoder):  # views are drawn anew by the chip's own seed
            assert single.score(x) == pytest.approx(expected, abs=0.1)
        else:
            assert single.score(x, known) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("kind", "metric"), [(PIBClassifier, accuracy_score), (PIBRegressor, r2_score)])
def test_scores_of_chips_are_scikit_learns_and_take_weights(kind, metric, data):
    x, y, *_ = data
    known, weights = targets(kind, x, y), np.linspace(0.1, 2, len(x))
    for chips in (1, CHIPS):
        model = kind(chips=chips, **SMALL).fit(x, known)
        found = model.predict(x).reshape(chips, *known.shape)
        for weight in (None, weights):
            expected = [metric(known, one, sample_weight=weight) for one in found]
            np.testing.assert_allclose(model.chip_scores(x, known, weight), expected)
            assert model.score(x, known, weight) == pytest.approx(np.mean(expected))


def test_one_chip_of_a_wafer_is_an_estimator_like_any(fitted, data):
    x, y, x_test, _ = data
    known, whole = targets(type(fitted), x, y), answers(fitted, x_test)
    for chip in range(CHIPS):
        single = fitted.of_chip(chip)
        assert (single.seed, single.chips, single.n_iter_) == (SEED + chip, 1, fitted.n_iter_)
        assert single.history_ == fitted.history_
        assert single.history_ is not fitted.history_
        np.testing.assert_allclose(answers(single, x_test), whole[chip], atol=1e-4)
    single.set_params(warm_start=True).fit(x, known)
    single.partial_fit(x, known)
    assert not np.allclose(answers(single, x_test), whole[-1], atol=1e-3)
    np.testing.assert_array_equal(answers(fitted, x_test), whole)  # the wafer stays as it is
    again = pickle.loads(pickle.dumps(single))
    np.testing.assert_array_equal(answers(again, x_test), answers(single, x_test))
    assert clone(single).chips == 1


def test_one_chip_has_its_part_of_what_the_wafer_cost(data):
    x, y, *_ = data
    model = PIBClassifier(hw="memristive", chips=CHIPS, **SMALL).fit(x, y)
    totals = [model.of_chip(chip).model_.meter.totals() for chip in range(CHIPS)]
    whole = model.model_.meter.totals()
    for name in ("writes", "measurements"):
        assert sum(one[name] for one in totals) == whole[name] > 0


def test_an_estimator_of_one_chip_is_its_own_first_chip(data):
    x, y, *_ = data
    model = PIBClassifier(**SMALL).fit(x, y)
    assert model.of_chip(0) is model


def test_faults_of_a_size_per_chip(data):
    x, y, x_test, y_test = data
    model = PIBClassifier(
        hw="memristive", chips=CHIPS, faults=["drift:10", "stuck:0..0.9@1"], **SMALL | {"epochs": 12}
    ).fit(x, y)
    scores = model.chip_scores(x_test, y_test)
    assert scores[0] > scores[-1] + 0.1
    assert model.of_chip(1).faults == ["drift:10", "stuck:0.45@1"]
    with pytest.raises(ValueError, match="has a size per chip, and there is one chip"):
        clone(model).set_params(chips=1).fit(x, y)


def test_all_chips_stop_together_by_their_mean(data):
    x, y, *_ = data
    model = PIBClassifier(
        chips=CHIPS, early_stopping=True, n_iter_no_change=1, **SMALL | {"epochs": 60, "learner": "frozen"}
    )
    model.fit(x, y)
    assert model.n_iter_ < 60
    assert 0 < model.history_[-1]["validation_score"] <= 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_wafer_learns_batch_by_batch_goes_on_and_pickles(kind, data):
    x, y, x_test, _ = data
    known = targets(kind, x, y)
    model = kind(chips=CHIPS, warm_start=True, **SMALL).partial_fit(x, known)
    again = pickle.loads(pickle.dumps(model))
    for one in (model, again):
        one.fit(x, known)
    np.testing.assert_array_equal(answers(model, x_test), answers(again, x_test))


def test_mistakes_are_named(fitted, data):
    x, y, *_ = data
    for chip in (-1, CHIPS):
        with pytest.raises(ValueError, match=rf"chip must be in 0\.\.2, the chips of this wafer, got {chip}"):
            fitted.of_chip(chip)
    with pytest.raises(NotFittedError):
        PIBClassifier(chips=2).of_chip(0)
    with pytest.raises(ValueError, match=r"chips must be a whole number in 1\.\.10000, got 0"):
        PIBClassifier(chips=0).fit(x, y)
    with pytest.raises(ValueError, match="trains one chip at a time, got 2 chips"):
        PIBClassifier(chips=2, learner="backprop", **SMALL).fit(x, y)
    if isinstance(fitted, PIBEncoder):
        with pytest.raises(ValueError, match=r"X must have the 3 chips that transform gives, got shape \(2, 240, 32\)"):
            fitted.inverse_transform(fitted.transform(x)[:2])


def test_what_diverges_is_named_by_its_chip(data, monkeypatch):
    x, y, *_ = data
    teach = Trainer.teach_readout

    def broken(self, samples, step):
        return teach(self, samples, step) | {"loss": torch.tensor([1.0, torch.nan, torch.inf])}

    monkeypatch.setattr(Trainer, "teach_readout", broken)
    with pytest.raises(ValueError, match="the training of chip 1 and 1 more diverged"):
        PIBClassifier(chips=CHIPS, **SMALL).fit(x, y)
