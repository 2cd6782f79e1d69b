"""A run of `learn` that is killed, and goes on, ends as if nothing had happened."""

from __future__ import annotations

import json
from contextlib import suppress

import numpy as np
import pytest
from one_line import stops
from safetensors.torch import load_file

from pib_rl import learn, train
from pib_rl.agents import LEARNERS
from pib_rl.agents.estimators.supervised import PIBClassifier
from pib_rl.agents.estimators.trainer import Trainer
from pib_rl.agents.resuming.checkpoints import newest_checkpoint
from pib_rl.learning.task import LearningTask
from pib_rl.runs.folder import RunFolder

SMALL = ["--epochs", "5", "--width", "6", "--units", "2", "--batch-size", "32", "--no-progress"]


class KilledError(BaseException):
    pass


@pytest.fixture(scope="module")
def npz(tmp_path_factory):
    random = np.random.default_rng(0)
    x = random.normal(size=(160, 5)).astype(np.float32)
    y = (x[:, 0] + x[:, 1] ** 2 > 0.8).astype(int)
    path = tmp_path_factory.mktemp("data") / "toy.npz"
    np.savez(path, x_train=x[:120], y_train=y[:120], x_test=x[120:], y_test=y[120:])
    return path


def killed(monkeypatch, owner, name, call, arguments):
    inner, calls = getattr(owner, name), []

    def stop(*given, **options):
        calls.append(name)
        if len(calls) == call:
            raise KilledError
        return inner(*given, **options)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, stop)
        with suppress(KilledError):
            learn.main(arguments)
    assert len(calls) == call


def content(path):
    result = json.loads((path / "result.json").read_text()) | {"wall_s": 0}
    policy = {name: value.tolist() for name, value in load_file(path / "policy.safetensors").items()}
    return result, policy, {one.name: one.read_bytes() for one in path.glob("*.csv")}


KINDS = {
    "faults": ["--hw", "memristive", "--fault", "stuck:0.2@2", "--clock", "1e-3"],
    "views": ["--target", "views"],
    "wafer": ["--hw", "digital", "--chips", "2"],
}
MOMENTS = {
    "first epoch": (Trainer, "stretch", 1),
    "epoch": (Trainer, "stretch", 4),
    "look": (LearningTask, "evaluate_heldout", 3),
    "evaluated": (RunFolder, "save_result", 1),
}


@pytest.fixture(scope="module")
def whole(npz, tmp_path_factory):
    """The run of a kind, never stopped."""
    path = tmp_path_factory.mktemp("whole")

    def made(kind):
        if not (path / kind).exists():
            learn.main([str(npz), *SMALL, *KINDS[kind], "--out", str(path / kind)])
        return path / kind

    return made


@pytest.mark.parametrize(
    ("kind", "moment"),
    [  # every moment for one kind, the one with most to store for all
        pytest.param(kind, moment, marks=() if kind == "faults" or moment == "epoch" else pytest.mark.slow)
        for kind in KINDS
        for moment in MOMENTS
    ],
)
def test_a_killed_run_ends_as_if_nothing_had_happened(kind, moment, whole, npz, tmp_path, monkeypatch, capsys):
    owner, name, call = MOMENTS[moment]
    path = tmp_path / "run"
    arguments = [str(npz), *SMALL, *KINDS[kind], "--checkpoint-every", "1", "--out", str(path)]
    killed(monkeypatch, owner, name, call, arguments)
    found = newest_checkpoint(path)
    capsys.readouterr()
    learn.main(["--resume", str(path), "--no-progress"])
    assert (f"goes on from epoch {found.step} of 5" in capsys.readouterr().out) if found else call == 1
    assert content(path) == content(whole(kind))
    assert not (path / "checkpoints").exists()


def test_epochs_after_the_last_fault_stand_alone_in_a_resumed_run_too(npz, tmp_path, monkeypatch):
    # What the meter adds up is rounded between stretches: those of a run that was never stopped are one epoch long.
    path, inner, calls = tmp_path / "run", Trainer.stretch, []
    arguments = ["--hw", "memristive", "--fault", "stuck:0.2@2", "--look-every", "3", "--checkpoint-every", "1"]
    killed(monkeypatch, Trainer, "stretch", 5, [str(npz), *SMALL, *arguments, "--out", str(path)])

    def counted(*given, **options):
        calls.append(given)
        return inner(*given, **options)

    done = newest_checkpoint(path).step
    monkeypatch.setattr(Trainer, "stretch", counted)
    learn.main(["--resume", str(path), "--no-progress"])
    assert len(calls) == 5 - done


@pytest.mark.parametrize("learner", [name for name, kind in LEARNERS.items() if not kind.own_loop])
def test_a_fit_goes_on_with_every_learner_and_with_early_stopping(learner):
    random = np.random.default_rng(0)
    x = random.normal(size=(200, 4))
    y = x[:, 0] > 0
    states = []

    def model():
        return PIBClassifier(
            learner=learner, epochs=6, width=4, units=2, early_stopping=True, n_iter_no_change=1, hw="memristive"
        )

    whole = model()
    whole.fit(x, y, watch=lambda log: states.append(whole.training_state()))
    assert 1 < whole.n_iter_ <= 6
    other = model().go_on_from(states[0]).fit(x, y)
    assert (other.n_iter_, other.history_) == (whole.n_iter_, whole.history_)
    np.testing.assert_array_equal(other.predict_proba(x), whole.predict_proba(x))


def test_a_state_of_another_estimator_is_refused():
    x, y = np.random.default_rng(0).normal(size=(60, 3)), np.arange(60) % 2
    states = []
    model = PIBClassifier(epochs=1, width=4)
    model.fit(x, y, watch=lambda log: states.append(model.training_state()))
    with pytest.raises(ValueError, match=r"does not fit this estimator|must be float32"):
        PIBClassifier(epochs=1, width=5).go_on_from(states[0]).fit(x, y)


def test_other_settings_and_other_runs_are_refused(npz, tmp_path, monkeypatch, capsys):
    path = tmp_path / "run"
    killed(monkeypatch, Trainer, "stretch", 3, [str(npz), *SMALL, "--out", str(path)])
    assert "leave --epochs out" in stops(learn, ["--resume", str(path), "--epochs", "9"], monkeypatch, capsys)
    assert "with nothing to play in it" in stops(train, ["--resume", str(path)], monkeypatch, capsys)
    said = stops(learn, [str(npz), *SMALL, "--out", str(path)], monkeypatch, capsys)
    assert f"python -m pib_rl.learn --resume {path} goes on with it" in said
