"""torch's default type of numbers is a user's own affair: nothing here depends on it."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest
import torch
from chips import shipped

import pib_rl
from pib_rl.agents import PIB
from pib_rl.agents.estimators.supervised import PIBClassifier, PIBEncoder, PIBRegressor

FILLED = {f"torch.{name}" for name in ("zeros", "ones", "full", "empty", "rand", "randn", "linspace", "eye")}
X = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
SUBSTRATES = [
    *(name for name in shipped() if name != "remote"),
    "memristive:pcm",
    "memristive:ecram",
    "optical:dmd",
]


@pytest.fixture(params=[torch.float64])
def default(request):
    """Sets another default type where it is called; afterwards it is as before."""
    before = torch.get_default_dtype()
    yield lambda: torch.set_default_dtype(request.param)
    torch.set_default_dtype(before)


def fitted(kind, hw, **settings):
    model = kind(hw=hw, width=8, units=1, epochs=1, batch_size=20, **settings)
    y = X[:, 0] if kind is PIBRegressor else (X[:, 0] > 0).astype(int)
    return model.fit(X, y).features(X)


@pytest.mark.parametrize("hw", SUBSTRATES)
def test_estimators_learn_the_same_on_every_substrate(hw, default):
    wanted = fitted(PIBClassifier, hw)
    default()
    assert np.array_equal(fitted(PIBClassifier, hw), wanted)


@pytest.mark.parametrize("kind", [PIBRegressor, PIBEncoder])
def test_so_do_estimators_of_other_kinds(kind, default):
    wanted = fitted(kind, "memristive", seed=1)
    default()
    assert np.array_equal(fitted(kind, "memristive", seed=1), wanted)


@pytest.mark.parametrize("learner", ["dfa", "backprop", "forward-forward", "spsa", "local-td"])
def test_so_do_other_learners(learner, default):
    wanted = fitted(PIBClassifier, "digital", learner=learner)
    default()
    assert np.array_equal(fitted(PIBClassifier, "digital", learner=learner), wanted)


@pytest.mark.parametrize("env", ["CartPole-v1", "Pendulum-v1"])
def test_an_agent_learns_the_same(env, default):
    def weights():
        return PIB("MlpPolicy", env, hw="memristive", n_steps=32, width=8, seed=0).learn(64).policy.state_dict()

    wanted = weights()
    default()
    for name, value in weights().items():
        assert value.dtype == wanted[name].dtype, name
        assert torch.equal(value, wanted[name]), name


def test_every_tensor_is_made_with_a_type_of_its_own():
    for file in Path(pib_rl.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if called in FILLED:
                assert "dtype" in {word.arg for word in node.keywords}, f"{file}:{node.lineno} has no dtype"
