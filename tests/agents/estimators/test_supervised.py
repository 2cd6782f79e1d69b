"""The scikit-learn estimators: its own checks, its tools, and that hidden units learn."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits, make_friedman1
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from pib_rl.agents.estimators.supervised import PIBClassifier, PIBRegressor

ROUNDING = (
    "sums in 32-bit floating point, as on any accelerator, depend in their last digits on the samples measured "
    "beside a sample"
)
DRAWN = "an epoch draws samples in random order, as often as they count: equal in distribution, not bit by bit"
EXCEPTIONS = {
    "check_sample_weight_equivalence_on_dense_data": DRAWN,
    "check_methods_sample_order_invariance": ROUNDING,
    "check_methods_subset_invariance": ROUNDING,
}
SMALL = {"width": 24, "units": 2}
HARDWARE = ["digital", "memristive", "optical"]


@parametrize_with_checks(
    [PIBClassifier(**SMALL), PIBRegressor(**SMALL)], expected_failed_checks=lambda estimator: EXCEPTIONS
)
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("kind", [PIBClassifier, PIBRegressor])
def test_what_the_exceptions_hide_is_rounding(kind):
    x, y = digits(300)
    model = kind(**SMALL, epochs=20).fit(x, y)
    order = np.random.default_rng(0).permutation(len(x))
    predict = model.predict_proba if kind is PIBClassifier else model.predict
    np.testing.assert_allclose(predict(x[order]), predict(x)[order], atol=1e-5)
    np.testing.assert_allclose(predict(x[:7]), predict(x)[:7], atol=1e-5)


def digits(n: int, seed: int = 0):
    bundle = load_digits()
    pick = np.random.default_rng(seed).permutation(len(bundle.data))[:n]
    return bundle.data[pick], bundle.target[pick]


@pytest.mark.parametrize("hw", HARDWARE)
def test_trained_units_beat_frozen_ones_and_the_readout_reads_what_they_learned(hw):
    x, x_test, y, y_test = train_test_split(*digits(1797), test_size=500, random_state=0)
    scores = {
        mode: PIBClassifier(
            hw=hw,
            width=12,
            units=2,
            learner=mode,
            epochs=30,
            scaling="common",
            read="noisy",
            hw_options={"camera_pixels": 24} if hw == "optical" else None,
        )
        .fit(x, y)
        .score(x_test, y_test)
        for mode in ("pib", "frozen")
    }
    assert scores["pib"] > scores["frozen"] + 0.03
    assert scores["pib"] > 0.85


@pytest.mark.parametrize("kind", [PIBClassifier, PIBRegressor])
def test_views_take_the_place_of_samples_while_learning_and_only_then(kind):
    x, y = digits(64)
    plain, varied = (
        kind(**SMALL, epochs=2, image=(8, 8), scaling="common", views=views).fit(x, y)
        for views in (None, {"strength": 2.0})
    )
    pick = torch.arange(10)
    assert torch.equal(plain.samples(x, y).raw(pick), torch.tensor(x[:10], dtype=torch.float32))
    samples = varied.samples(x, y)
    first, second = samples.raw(pick), samples.raw(pick)
    assert not torch.allclose(first, second)
    assert not torch.allclose(first, samples.x[pick])
    inputs, standard = samples.inputs(pick), varied.model_.inputs(samples.x[pick])
    assert torch.corrcoef(torch.stack([inputs.flatten(), standard.flatten()]))[0, 1] > 0.5
    assert not torch.allclose(inputs, standard)
    assert torch.equal(samples.target(pick).values, plain.samples(x, y).target(pick).values)
    given, other, _ = samples.contrast(pick)  # the same view with either label
    assert torch.equal(given[:, :64], other[:, :64])
    assert not torch.allclose(given[:, :64], standard)
    assert np.array_equal(varied.predict(x), varied.predict(x))


@pytest.mark.parametrize(
    "mode", ["backprop", "backprop-off", "backprop-stale", "dfa", "spsa", "forward-forward", "local-td"]
)
@pytest.mark.parametrize("hw", HARDWARE)
def test_rivals_learn_from_labels_on_the_same_hardware(hw, mode):
    x, y = digits(600)
    model = PIBClassifier(hw=hw, learner=mode, epochs=12, scaling="common", **SMALL).prepare(x, y)
    before = [unit.array.weights().clone() for unit in model.model_.network.chain]
    score = model.set_params(warm_start=True).fit(x, y).score(x, y)
    after = [unit.array.weights() for unit in model.model_.network.chain]
    assert all((was != now).float().mean() > 0.5 for was, now in zip(before, after, strict=True))
    assert score > 0.75


def test_frozen_units_stay_as_fabricated():
    x, y = digits(200)
    frozen = PIBClassifier(learner="frozen", epochs=3, **SMALL).fit(x, y)
    fresh = PIBClassifier(**SMALL).prepare(x, y)
    for one, two in zip(frozen.model_.network.chain, fresh.model_.network.chain, strict=True):
        assert torch.equal(one.array.weights(), two.array.weights())


def test_regression_finds_a_nonlinear_function():
    x, y = make_friedman1(1200, noise=0.1, random_state=0)
    model = PIBRegressor(width=48, units=2, epochs=60).fit(x[:900], y[:900])
    assert model.score(x[900:], y[900:]) > 0.9
    both = PIBRegressor(width=48, units=2, epochs=30).fit(x[:900], np.stack([y, -3 * y + 7], 1)[:900])
    assert both.predict(x).shape == (1200, 2)
    assert both.score(x[900:], np.stack([y, -3 * y + 7], 1)[900:]) > 0.85


def test_they_work_with_pipelines_searches_and_cross_validation():
    x, y = digits(300)
    pipe = make_pipeline(MinMaxScaler(), PIBClassifier(**SMALL, epochs=10))
    assert cross_val_score(pipe, x, y, cv=3).mean() > 0.7
    search = GridSearchCV(PIBClassifier(epochs=10, units=1), {"width": [2, 24]}, cv=3).fit(x, y)
    assert search.best_params_ == {"width": 24}
    assert clone(search.best_estimator_).get_params() == search.best_estimator_.get_params()


def test_a_seed_makes_it_repeatable_and_another_seed_another_chip():
    x, y = digits(200)
    one, same, other = (PIBClassifier(hw="memristive", epochs=3, seed=seed, **SMALL).fit(x, y) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.predict_proba(x), same.predict_proba(x))
    assert np.abs(one.predict_proba(x) - other.predict_proba(x)).max() > 0.01


def test_a_pickled_estimator_goes_on_bit_for_bit():
    x, y = digits(200)
    model = PIBClassifier(hw="memristive", epochs=3, warm_start=True, read="noisy", **SMALL).fit(x, y)
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(model.fit(x, y).predict_proba(x), copy.fit(x, y).predict_proba(x))


def test_warm_start_keeps_the_chip_and_a_cold_start_makes_a_new_one():
    x, y = digits(300)
    model = PIBClassifier(epochs=2, warm_start=True, **SMALL).fit(x, y)
    chip, first = model.model_, model.score(x, y)
    assert model.fit(x, y).model_ is chip
    assert model.score(x, y) > first
    assert len(model.history_) == 4
    assert model.set_params(warm_start=False).fit(x, y).model_ is not chip


def test_partial_fit_learns_batch_by_batch():
    x, y = digits(900)
    model = PIBClassifier(scaling="common", **SMALL)
    for _ in range(4):
        for part in range(0, 900, 300):
            model.partial_fit(x[part : part + 300], y[part : part + 300], classes=np.arange(10))
    assert model.score(x, y) > 0.9
    with pytest.raises(ValueError, match="the label 12, which is not among the classes"):
        model.partial_fit(x[:4], np.array([1, 2, 3, 12]))
    with pytest.raises(ValueError, match="classes must be those of the first call"):
        model.partial_fit(x[:4], y[:4], classes=np.arange(11))
    values = PIBRegressor(**SMALL).partial_fit(x, y)
    assert values.partial_fit(x, y).score(x, y) > 0


def test_read_modes_and_cost():
    x, y = digits(200)
    model = PIBClassifier(hw="memristive", epochs=2, **SMALL).fit(x, y)
    assert np.array_equal(model.predict_proba(x), model.predict_proba(x))
    start = model.model_.meter.totals()["measurements"]
    noisy = model.set_params(read="noisy").predict_proba(x)
    assert model.model_.meter.totals()["measurements"] == start + 200 * 3  # two units and the readout
    assert not np.array_equal(noisy, model.predict_proba(x))
    assert model.features(x).shape == (200, 48)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"hw": "optcal"}, "did you mean optical"),
        ({"objective": "ridg"}, "did you mean ridge"),
        ({"learner": "es"}, "can't learn from data"),
        ({"learner": "frozn"}, "did you mean frozen"),
        ({"rule": {"hidden_rat": 1.0}}, "hidden_rate"),
        ({"rule": {"hidden_rate": -1.0}}, "hidden_rate must be 0 or more"),
        ({"batch_size": 2}, "batch_size must be a whole number, 4 or more, got 2"),
        ({"epochs": 0}, "epochs must be a whole number, 1 or more, got 0"),
        ({"width": 0}, "width must be a whole number in 1"),
        ({"scaling": "none"}, "feature or common"),
        ({"hw_options": {"stuck": 1}}, "stuck"),
        ({"width": 2.5}, r"width must be a whole number in 1\.\.100000, got 2.5"),
        ({"seed": None}, "seed must be a whole number in .*, got None"),
        ({"hw": None}, "hw must be the name of a substrate, such as memristive, got None"),
        ({"rule": ["a"]}, "rule must be a mapping"),
        ({"rule": {"epochs": 7}}, "epochs is an argument of its own"),
        ({"rule": {"hw_options": 7}}, "no option 'hw_options'"),
        ({"read": "loud"}, "read must be noisy or mean or ideal, got 'loud'"),
        ({"device": "gpu"}, "device must be one that torch has here"),
        ({"image": (8,)}, r"\(height, width\)"),
        ({"image": 8}, "whole numbers, 1 or more each, got 8"),
        ({"image": (8, 8), "patches": [(2, 3)]}, r"\(channels, size, stride\)"),
        ({"image": (8, 9), "patches": [(2, 3, 1)]}, r"an image of \(8, 9\) has 72 features, but X has 64"),
        ({"image": (8, 8), "views": {"bend": -1.0}}, "the views' bend must be 0 or more, got -1"),
        ({"views": {"bend": 1.0}}, "a view of vectors has no option 'bend'"),
        ({"views": 0.5}, "views must be a mapping"),
        ({"learner": "forward-forward", "image": (8, 8), "patches": [(2, 3, 1)]}, "leave out patches"),
    ],
)
def test_wrong_arguments_are_named(options, words):
    x, y = digits(50)
    with pytest.raises(ValueError, match=words):
        PIBClassifier(**({"width": 8} | options)).fit(x, y)


def test_a_refit_that_fails_leaves_the_fitted_model_alone():
    x, y = digits(60)
    model = PIBClassifier(epochs=1, **SMALL).fit(x, y)
    before = model.predict_proba(x)
    with pytest.raises(ValueError, match="optical"):
        model.set_params(hw="optcal").fit(x, y % 2)
    np.testing.assert_array_equal(model.predict_proba(x), before)


def test_numbers_of_numpy_are_numbers():
    x, y = digits(60)
    model = PIBClassifier(
        width=np.int64(8), epochs=np.int64(1), batch_size=np.int32(16), rule={"hidden_rate": np.float64(0.01)}
    ).fit(x, y)
    assert model.learner_.config.hidden_rate == 0.01


def test_a_warm_start_takes_new_rates():
    x, y = digits(60)
    model = PIBClassifier(epochs=1, warm_start=True, **SMALL).fit(x, y)
    before = [unit.array.weights().clone() for unit in model.model_.network.chain]
    model.set_params(rule={"hidden_rate": 0.0}).fit(x, y)
    assert all(
        torch.equal(was, unit.array.weights()) for was, unit in zip(before, model.model_.network.chain, strict=True)
    )


def test_a_warm_start_with_another_mode_learns_in_that_mode():
    x, y = digits(200)

    def moved(model):
        before = [unit.array.weights().clone() for unit in model.model_.network.chain]
        model.fit(x, y)
        return any(
            not torch.equal(was, unit.array.weights())
            for was, unit in zip(before, model.model_.network.chain, strict=True)
        )

    model = PIBClassifier(epochs=1, warm_start=True, **SMALL).fit(x, y)
    learner = model.learner_
    assert moved(model)
    assert model.learner_ is learner  # goes on with what it remembers
    assert not moved(model.set_params(learner="frozen"))
    assert moved(model.set_params(learner="spsa", rule={"perturbation": 0.1}))
    assert model.learner_.options.perturbation == 0.1
    assert moved(model.set_params(rule={"perturbation": 0.2}))
    assert model.learner_.options.perturbation == 0.2
    with pytest.raises(ValueError, match="learner 'forward-forward' needs another chip"):
        model.set_params(learner="forward-forward", rule=None).fit(x, y)


def test_unknown_settings_of_the_rule_are_named_with_those_of_the_rival():
    x, y = digits(64)
    with pytest.raises(ValueError, match="the rule has no option 'perturbatio'; did you mean perturbation"):
        PIBClassifier(learner="spsa", rule={"perturbatio": 0.1}, **SMALL).fit(x, y)
    with pytest.raises(ValueError, match="the rule has no option 'zzzz'; known: decay, hidden_decay") as caught:
        PIBClassifier(rule={"zzzz": 0.1}, **SMALL).fit(x, y)
    assert "epochs" not in str(caught.value)


def test_settings_of_the_objective_are_shipped_for_the_substrate_and_give_way_to_those_asked_for():
    x, y = digits(64)
    kept = {"width": 6, "units": 1, "epochs": 1, "image": (8, 8)}
    goals = [
        PIBClassifier(hw=hw, **kept, objective_options=options).fit(x, y).model_.network.chain[0].objective
        for hw, options in (("digital", None), ("optical", None), ("optical", {"gain": 2.0}))
    ]
    assert [goal.saturation.gain for goal in goals] == [1.5, 0.75, 2.0]
    assert [goal.ridge for goal in goals] == [0.1, 0.3, 0.3]
    PIBClassifier(hw="optical", **kept, objective="pointwise").fit(x, y)  # has no gain


def test_settings_of_patch_units_are_shipped_for_the_substrate_and_give_way_to_those_asked_for():
    x, y = digits(64)
    kept = {"width": 6, "units": 1, "epochs": 1, "image": (8, 8)}

    def config(hw, **kwargs):
        return PIBClassifier(hw=hw, **kept, **kwargs).fit(x, y).learner_.config

    small = {"patches": [(4, 3, 2)]}
    assert config("memristive", **small).output_rms == 2
    assert config("memristive", **small, rule={"output_rms": 5}).output_rms == 5
    rates = [config(hw, **kwargs).hidden_rate for hw in ("memristive", "digital") for kwargs in (small, {})]
    assert rates == [0.01, 0.04, 0.04, 0.04]
    for other in (config("memristive"), config("digital", **small), config("memristive", learner="backprop", **small)):
        assert other.output_rms is None


def test_patches_see_an_image():
    x, y = digits(600)
    model = PIBClassifier(image=(8, 8), patches=[(8, 3, 2)], units=1, width=24, epochs=20, scaling="common").fit(x, y)
    assert model.model_.network.chain[0].positions == 16
    assert model.score(x, y) > 0.9


def test_bad_data_are_refused_in_one_sentence():
    x, y = digits(50)
    hole = x.copy()
    hole[3, 4] = np.nan
    for bad, labels, words in (
        (hole, y, "Input X contains NaN"),
        (x, np.zeros(50, dtype=int), "got one class"),
        (x[:0], y[:0], "0 sample"),
        (x[:1], y[:1], "minimum of 2 is required"),
        (x, y[:-1], "inconsistent numbers of samples"),
        (x, y + 0.5, "Unknown label type"),
    ):
        with pytest.raises(ValueError, match=words):
            PIBClassifier(**SMALL).fit(bad, labels)
    with pytest.raises(ValueError, match="y is too large"):
        PIBRegressor(**SMALL).fit(x, 1e300 * y)
    with pytest.raises(ValueError, match="expecting 64 features"):
        PIBClassifier(epochs=1, **SMALL).fit(x, y).predict(x[:, :5])


def test_a_list_of_widths_is_width_and_units():
    x, y = np.random.default_rng(1).standard_normal((40, 3)), np.arange(40) % 2
    for width in (np.array([8, 8]), [8, 8]):
        model = PIBClassifier(width=width, epochs=1).fit(x, y)
        assert (model.model_.chip.width, model.model_.chip.units) == (8, 2)
    with pytest.warns(UserWarning, match=r"^units are equally wide: width=\[8, 4\] becomes \[8, 8\]"):
        PIBClassifier(width=[8, 4], epochs=1).fit(x, y)
    assert model.get_params()["width"] == [8, 8]
