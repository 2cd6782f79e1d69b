"""Estimators learn the same whatever the unit and the offset of features and values, and refuse what is no number."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler

from pib_rl.agents.estimators.supervised import PIBClassifier, PIBEncoder, PIBRegressor
from pib_rl.agents.network.last_good import last_good
from pib_rl.agents.network.normaliser import Normaliser

X = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32).astype(np.float64)
Y = X[:, 0] + 0.5 * X[:, 1]
SCALES = [2.0**-40, 2.0**-20, 2.0**20, 2.0**40]  # about 1e-12 .. 1e12, without rounding


def features(x, kind=PIBClassifier, hw="memristive", y=None, **settings):
    model = kind(hw=hw, width=8, units=1, epochs=2, batch_size=20, **settings)
    return model.fit(x, (Y > 0).astype(int) if y is None else y).features(x)


@pytest.mark.parametrize("by", SCALES)
@pytest.mark.parametrize("kind", [PIBClassifier, PIBEncoder])
def test_features_in_any_unit_learn_bit_for_bit_the_same(kind, by):
    assert np.array_equal(features(X * by, kind), features(X, kind))


def test_one_column_in_another_unit_is_no_matter():
    by = np.array([2.0**-20, 1, 2.0**30, 1])
    assert np.array_equal(features(X * by), features(X))


@pytest.mark.parametrize("plus", [1e7, 1e8, -1e10])
def test_an_offset_in_64_bits_is_no_matter(plus):
    np.testing.assert_allclose(features(X + plus, hw="digital"), features(X, hw="digital"), atol=2e-4)


def test_samples_in_32_bits_or_whole_numbers_are_the_same_as_in_64():
    whole = np.rint(X * 20).astype(np.int16)
    for short in (X.astype(np.float32), whole, whole.astype(np.int64)):
        assert np.array_equal(features(short), features(short.astype(np.float64)))


@pytest.mark.parametrize("by", SCALES)
@pytest.mark.parametrize("plus", [0.0, 3.0])
def test_values_in_any_unit_are_predicted_in_it(by, plus):
    model = PIBRegressor(width=8, units=1, epochs=2, batch_size=20)
    plain, scaled = model.fit(X, Y + plus).predict(X), model.fit(X, (Y + plus) * by).predict(X)
    np.testing.assert_allclose(scaled / by, plain, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("value", [0.1, 1e-12, 1e15])
def test_values_that_never_vary_are_no_noise_to_learn(value):
    model = PIBRegressor(width=8, units=1, epochs=2, batch_size=20).fit(X, np.full(len(X), value))
    assert model.spread_ == 1
    np.testing.assert_allclose(model.predict(X), value, rtol=1e-6, atol=0)


@pytest.mark.parametrize("kind", [PIBClassifier, PIBRegressor, PIBEncoder])
@pytest.mark.parametrize("value", [np.nan, np.inf, 1e39, 1e300])
def test_samples_that_are_no_numbers_are_refused_and_nothing_changes(kind, value):
    y = None if kind is PIBEncoder else (Y > 0).astype(int)
    wrong = X.copy()
    wrong[3, 1] = value
    model = kind(width=8, units=1, epochs=1, batch_size=20)
    with pytest.raises(ValueError, match=r"NaN|infinity|sample 3 is 1e\+\d+ at place 1"):
        model.fit(wrong, y)
    before = model.fit(X, y).features(X)
    for ask in (model.features, model.fit if kind is PIBEncoder else model.predict):
        with pytest.raises(ValueError, match=r"NaN|infinity|sample 3 is 1e\+\d+ at place 1"):
            ask(wrong)
    assert np.array_equal(model.features(X), before)


def test_an_epoch_that_diverges_leaves_the_one_before():
    model = PIBClassifier(width=8, units=1, epochs=4, batch_size=20)
    seen = []

    def watch(log):
        seen.append(model.features(X))
        if len(seen) == 2:
            model.model_.readout.optimiser.first.fill_(0)
            model.learner_.update = lambda batch, progress: (
                model.model_.network.chain[0].control.std.fill_(np.nan) and {}
            )

    with pytest.raises(ValueError, match="the training diverged"):
        model.fit(X, (Y > 0).astype(int), watch=watch)
    assert np.array_equal(model.features(X), seen[-1])


def test_what_failed_for_another_reason_is_taken_back_and_told_as_it_was():
    normaliser = Normaliser(1)

    def fail():
        with last_good("it", normaliser):
            normaliser.mean.fill_(3)
            raise ValueError("something else")

    with pytest.raises(ValueError, match="something else"):
        fail()
    assert normaliser.mean.item() == 0


@pytest.mark.parametrize("hw", ["memristive", "optical"])
def test_breast_cancer_is_learned_as_at_scale_1(hw):
    data = load_breast_cancer()
    x = StandardScaler().fit_transform(data.data)[::3]
    y = data.target[::3]

    def accuracy(x):
        return (
            PIBClassifier(hw=hw, width=16, units=1, epochs=8, batch_size=32)
            .fit(x[:120], y[:120])
            .score(x[120:], y[120:])
        )

    plain = accuracy(x)
    assert plain > 0.85
    for other in (x * 1e-6, x * 1e12, x + 1e8):
        assert accuracy(other) >= plain - 0.05
