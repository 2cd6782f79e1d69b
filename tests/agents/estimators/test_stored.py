"""Estimators in files."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors import safe_open

from pib_rl import PIBClassifier, PIBEncoder, PIBRegressor
from pib_rl.common.stored import read, write

SMALL = {"hw": "memristive", "width": 5, "units": 2, "epochs": 2, "batch_size": 16, "seed": 4}
X = np.random.default_rng(0).normal(size=(60, 3))
LABELS = X[:, 0] * X[:, 1] > 0
WORDS = np.where(LABELS, "yes", "no")
NUMBERS = np.stack([X.sum(1), X[:, 0]], 1)


def fitted(kind, y, **arguments):
    model = kind(**SMALL | arguments)
    return model.fit(X) if y is None else model.fit(X, y)


def told(model):
    return model.transform(X) if isinstance(model, PIBEncoder) else model.predict(X)


@pytest.mark.parametrize(
    ("kind", "y", "arguments"),
    [
        (PIBClassifier, WORDS, {}),
        (PIBClassifier, WORDS.astype(object), {"learner": "frozen", "faults": ("stuck:0.1@1",)}),
        (PIBClassifier, LABELS, {"chips": 2}),
        (PIBClassifier, LABELS.astype(int), {"image": (1, 3), "hw": "digital"}),
        (PIBRegressor, NUMBERS, {"hw": "optical"}),
        (PIBEncoder, None, {}),
    ],
)  # fmt: skip
def test_an_estimator_comes_back_and_goes_on(kind, y, arguments, tmp_path):
    model = fitted(kind, y, **arguments)
    path = model.save(tmp_path / "model")
    assert path.name == "model.safetensors"
    again = kind.load(path)
    assert str(again.get_params()) == str(model.get_params())
    np.testing.assert_array_equal(told(again), told(model))
    state = again.model_.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in model.model_.state_dict().items())
    if y is not None and kind is PIBClassifier:
        assert again.classes_.dtype == model.classes_.dtype
    for one in (model, again):
        one.set_params(warm_start=True, read="noisy")
        one.fit(X) if y is None else one.fit(X, y)
    np.testing.assert_array_equal(told(again), told(model))
    assert again.history_ == model.history_


def test_an_unfitted_one_and_strange_arguments_are_not_saved(tmp_path):
    with pytest.raises(ValueError, match="not fitted"):
        PIBClassifier().save(tmp_path / "model")
    model = fitted(PIBClassifier, WORDS)
    model.verbose = object()
    with pytest.raises(ValueError, match="can't be saved: a state can't hold object"):
        model.save(tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_files_that_do_not_fit_are_refused(tmp_path):
    path = fitted(PIBClassifier, WORDS).save(tmp_path / "model")
    with pytest.raises(ValueError, match=r"it holds a 'PIBClassifier'; load it with that class, not PIBEncoder"):
        PIBEncoder.load(path)
    with safe_open(path, "pt") as file:
        assert "PIBClassifier" in json.loads(file.metadata()["about"])["content"].values()
    tensors, about = read(path, "estimator")
    for change, words in (
        ({"/policy/normaliser.std": -torch.ones(1, 3)}, r"normaliser.std must be in 0\.\."),
        ({"/policy/normaliser.std": torch.zeros(1, 3).bool()}, "must be float32"),
    ):
        write(path, tensors | change, "estimator", about)
        with pytest.raises(ValueError, match=words):
            PIBClassifier.load(path)
    about["content"]["arguments"]["width"] = 10**9
    write(path, tensors, "estimator", about)
    with pytest.raises(ValueError, match="width must be a whole number in"):
        PIBClassifier.load(path)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(ValueError, match=r"model.safetensors cannot be read"):
        PIBClassifier.load(path)
