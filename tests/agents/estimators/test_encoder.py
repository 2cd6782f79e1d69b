"""Learning without labels: the encoder, its samples, and that hidden units gain from views."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from pib_rl.agents.estimators.encoder import PIBEncoder
from pib_rl.agents.estimators.samples.view_samples import ViewSamples
from pib_rl.physical.substrate import Read

ROUNDING = (
    "sums in 32-bit floating point, as on any accelerator, depend in their last digits on the samples measured "
    "beside a sample"
)
EXCEPTIONS = {"check_methods_sample_order_invariance": ROUNDING, "check_methods_subset_invariance": ROUNDING}
SMALL = {"width": 24, "units": 2}
IMAGE = {"image": (8, 8), "scaling": "common"}
HARDWARE = ["digital", "memristive", "optical"]


@parametrize_with_checks([PIBEncoder(epochs=3, **SMALL)], expected_failed_checks=lambda estimator: EXCEPTIONS)
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


def digits():
    return train_test_split(*load_digits(return_X_y=True), test_size=500, random_state=0)


def judged(model, x, x_test, y, y_test):
    known, seen, last = model.transform(x), model.transform(x_test), model.width
    probe = make_pipeline(StandardScaler(), RidgeClassifier(alpha=30)).fit(known[:200], y[:200]).score(seen, y_test)
    near = KNeighborsClassifier(metric="cosine").fit(known[:, -last:] - known[:, -last:].mean(0), y)
    return probe, near.score(seen[:, -last:] - known[:, -last:].mean(0), y_test)


@pytest.mark.parametrize(
    "hw", [pytest.param(hw, marks=[] if hw == "memristive" else pytest.mark.slow) for hw in HARDWARE]
)
def test_trained_units_beat_frozen_ones_without_a_label(hw):
    x, x_test, y, y_test = digits()
    probe, near = zip(
        *(
            judged(
                PIBEncoder(
                    hw=hw, width=32, units=2, learner=learner, epochs=40, read="noisy", views={"bend": 0.06}, **IMAGE
                ).fit(x),
                x,
                x_test,
                y,
                y_test,
            )
            for learner in ("pib", "frozen")
        ),
        strict=True,
    )
    assert probe[0] > probe[1] + 0.03
    assert near[0] > near[1] + 0.03


@pytest.mark.parametrize(
    "learner", ["backprop", "backprop-off", "backprop-stale", "dfa", "spsa", "forward-forward", "local-td"]
)
def test_rivals_learn_to_take_views_back_on_the_same_hardware(learner):
    x = digits()[0][:600]
    model = PIBEncoder(hw="memristive", learner=learner, epochs=10, **SMALL, **IMAGE).prepare(x)
    before = [unit.array.weights().clone() for unit in model.model_.network.chain]
    blank = model.score(x)
    model.set_params(warm_start=True).fit(x)
    assert all(
        (was != unit.array.weights()).float().mean() > 0.5
        for was, unit in zip(before, model.model_.network.chain, strict=True)
    )
    assert model.score(x) > blank + 0.2


def samples(views, n: int = 12, learner: str = "pib"):
    x = digits()[0][:n]
    model = PIBEncoder(learner=learner, views=views, **SMALL, **IMAGE).prepare(x)
    return model.model_, model.samples(x)


STILL = {"shift": 0.0, "turn": 0.0, "scale": 0.0, "shear": 0.0, "bend": 0.0}


def test_a_batch_holds_two_views_of_every_sample_and_the_target_says_which_belong_together():
    model, found = samples({})
    pick = torch.tensor([4, 0, 7])
    assert isinstance(found, ViewSamples)
    inputs, alike = found.inputs(pick), found.target(pick).similarity()
    assert inputs.shape == (6, 64)
    assert torch.equal(alike, torch.eye(3).repeat(2, 2).fill_diagonal_(0))
    clean = model.inputs(found.x[pick])
    gaps = torch.cdist(inputs, clean)
    assert gaps.argmin(1).tolist() == [0, 1, 2, 0, 1, 2]
    assert (gaps.min(1).values > 0.1).all()
    assert not torch.allclose(inputs[:3], inputs[3:])
    still, rest = samples(STILL)
    torch.testing.assert_close(rest.inputs(pick), still.inputs(rest.x[pick]).repeat(2, 1), atol=1e-4, rtol=0)


def test_the_decoder_is_taught_the_samples_themselves():
    model, found = samples({})
    pick, clean = torch.tensor([4, 0, 7]), model.normaliser(found.x[[4, 0, 7, 4, 0, 7]])
    assert found.score(pick, clean) == 1
    assert found.loss(pick, clean) == 0
    leaf = torch.randn(6, 64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    found.loss(pick, leaf).backward()
    torch.testing.assert_close(found.gradient(pick, leaf.detach()), leaf.grad)


def test_a_contrast_shows_views_beside_their_sample_and_beside_another_one():
    model, found = samples(STILL, learner="forward-forward")
    pick = torch.arange(12)
    given, other, weight = found.contrast(pick)
    clean = model.normaliser(found.x).repeat(2, 1)
    torch.testing.assert_close(given, torch.cat([clean, clean], 1), atol=1e-4, rtol=0)
    torch.testing.assert_close(other[:, :64], clean, atol=1e-4, rtol=0)
    assert (other[:, 64:] != clean).any(1).float().mean() > 0.7
    assert (weight == 1).all()


def test_features_can_be_decoded_in_units_of_the_inputs():
    x = digits()[0]
    model = PIBEncoder(hw="memristive", width=48, units=2, epochs=30, views=STILL, **IMAGE).fit(x)
    decoded = model.inverse_transform(model.transform(x))
    assert decoded.shape == x.shape
    assert 1 - (decoded - x).var() / x.var() > 0.7
    assert model.score(x) == pytest.approx(1 - ((decoded - x) ** 2).mean() / x.var(0).mean(), abs=0.05)
    with pytest.raises(ValueError, match="the 96 features that transform gives, got 5"):
        model.inverse_transform(np.zeros((2, 5)))


def test_the_score_does_not_depend_on_portions():
    x = np.random.default_rng(0).normal(size=(1025, 5))
    model = PIBEncoder(width=8, units=1, epochs=2).fit(x)
    assert model.score(x) == pytest.approx(model.score(x[:1024]), abs=0.05)
    assert PIBEncoder(width=8, units=1, epochs=1).fit(np.ones((20, 3))).score(np.ones((20, 3))) == 0


def test_views_can_be_looked_at_without_a_trace():
    x = digits()[0][:50]
    model = PIBEncoder(epochs=1, **SMALL).fit(x, other=x[::-1])
    before = model.model_.streams.generator("learning").get_state()
    one, two = model.view(x, other=x[::-1])
    assert torch.equal(before, model.model_.streams.generator("learning").get_state())
    size = x.std(0)
    assert (np.abs(one - x) <= 0.6 * size).all()  # noise, nothing swapped
    assert (np.abs(two - x[::-1]) <= 0.6 * size).all()


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_samples_may_stand_in_any_order_of_memory(kind, recwarn):
    x = digits()[0][:50].astype(kind)
    x.setflags(write=False)
    model = PIBEncoder(epochs=1, **SMALL).fit(x[::-1], other=x)
    np.testing.assert_array_equal(model.transform(x[::-1]), model.transform(x[::-1].copy()))
    assert not recwarn.list


def test_labels_are_never_looked_at():
    x, _, y, _ = digits()
    one, two = (
        PIBEncoder(hw="optical", epochs=2, **SMALL, **IMAGE).fit(x, labels).transform(x) for labels in (y, None)
    )
    np.testing.assert_array_equal(one, two)


def test_looking_at_the_score_and_views_of_vectors():
    x = digits()[0]
    model = PIBEncoder(epochs=5, **SMALL).fit(x)  # no image: features are swapped
    assert model.score(x) == model.score(x)
    before = model.model_.streams.generator("learning").get_state()
    assert 0 < model.score(x) < 1
    assert torch.equal(before, model.model_.streams.generator("learning").get_state())
    assert model.model_.taps(torch.tensor(x).float(), Read.MEAN).shape == (len(x), 48)


def test_it_works_in_pipelines_and_searches_and_pickles():
    x, x_test, y, y_test = digits()
    pipe = make_pipeline(PIBEncoder(epochs=5, **SMALL, **IMAGE), StandardScaler(), RidgeClassifier())
    assert pipe.fit(x, y).score(x_test, y_test) > 0.8
    assert list(pipe[0].get_feature_names_out()[:2]) == ["pibencoder0", "pibencoder1"]
    search = GridSearchCV(PIBEncoder(epochs=2, **SMALL, **IMAGE), {"views": [{}, {"bend": 0.1}]}, cv=2).fit(x[:200])
    assert clone(search.best_estimator_).get_params() == search.best_estimator_.get_params()
    copy = pickle.loads(pickle.dumps(pipe[0]))
    np.testing.assert_array_equal(copy.partial_fit(x).transform(x), pipe[0].partial_fit(x).transform(x))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"objective": "gaussian"}, "can't tell views apart"),
        ({"objective": "decoder"}, "stay the same from batch to batch and can't tell views apart"),
        ({"views": 3}, "views must be a mapping"),
        ({"views": {1: 2}}, "views must be a mapping"),
        ({"image": (-1, -64)}, "1 or more each"),
        ({"patches": 5}, "patches must be a list"),
        ({"epochs": 0}, "epochs must be a whole number, 1 or more, got 0"),
        ({"views": {"bnd": 0.1}}, "did you mean bend"),
        ({"views": {"bend": -0.1}}, "bend must be 0 or more"),
        ({"image": (8, 9)}, r"an image of \(8, 9\) has 72 features, but X has 64"),
        ({"learner": "es"}, "can't learn from data"),
    ],
)
def test_wrong_arguments_are_named(options, words):
    with pytest.raises(ValueError, match=words):
        PIBEncoder(**({"width": 8} | IMAGE | options)).fit(digits()[0][:50])


def test_an_image_that_is_changed_afterwards_is_refused_by_name():
    x = digits()[0][:40]
    encoder = PIBEncoder(epochs=1, **SMALL, **IMAGE).fit(x).set_params(image=(4, 4))
    with pytest.raises(ValueError, match=r"an image of \(4, 4\) has 16 features, but X has 64"):
        encoder.score(x)
