"""An adaptation that is killed at any moment, and goes on, ends as if nothing had happened."""

from __future__ import annotations

import json
from contextlib import suppress

import numpy as np
import pytest
from one_line import stops
from safetensors.torch import load_file

from pib_rl import adapt, learn, train
from pib_rl.adaptation import estimators, policies
from pib_rl.adaptation import run as runs
from pib_rl.adaptation.recovery import RecoveryRun
from pib_rl.agents import Rule
from pib_rl.agents.estimators.trainer import Trainer
from pib_rl.agents.resuming.checkpoints import newest_checkpoint
from pib_rl.cli.cli import UserError
from pib_rl.learning import data
from pib_rl.runs import folder as folders
from pib_rl.runs.folder import RunFolder

pytestmark = pytest.mark.usefixtures("few_steps")

SMALL = ["--hw", "memristive", "--width", "4", "--units", "2", "--seed", "3", "--no-progress"]
FAULT = ["--fault", "stuck:0.3", "--learner", "frozen", "backprop-stale", "--seed", "5", "--no-progress"]


class KilledError(BaseException):
    """What nothing catches, as a SIGKILL."""


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "policy"
    sizes = ["--timesteps", "256", "--n-envs", "2", "--n-steps", "32", "--eval-episodes", "2"]
    train.main(["CartPole-v1", *SMALL, *sizes, "--out", str(path)])
    return path


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "encoder"
    found = data.load("digits")
    some = {"x_train": found.x_train[:300].reshape(-1, 8, 8), "x_test": found.x_test[:60].reshape(-1, 8, 8)}
    np.savez(path.with_suffix(".npz"), **some, y_train=found.y_train[:300], y_test=found.y_test[:60])
    learn.main([str(path.with_suffix(".npz")), "--target", "views", "--epochs", "2", *SMALL, "--out", str(path)])
    return path


LENGTHS = {"policy": ["--timesteps", "256"], "encoder": ["--epochs", "2"]}


def begin(kind, request, path, *more):
    adapt.main([str(request.getfixturevalue(kind)), *FAULT, *LENGTHS[kind], *more, "--out", str(path)])


@pytest.fixture(scope="module")
def wholes(request, tmp_path_factory):
    """Adaptations that nothing stopped, by what broke."""
    path = tmp_path_factory.mktemp("wholes")
    for kind in LENGTHS:
        begin(kind, request, path / kind)
    return path


def kill_at(monkeypatch, owner, name, call, kind=KilledError):
    """Has the so-manieth call of a function end the process, before it does anything."""
    inner, calls = getattr(owner, name), []

    def called(*arguments, **options):
        calls.append(name)
        if len(calls) == call:
            raise kind
        return inner(*arguments, **options)

    monkeypatch.setattr(owner, name, called)
    return calls


def without_times(value):
    if isinstance(value, dict):
        return {name: without_times(part) for name, part in value.items() if name != "wall_s"}
    return value


def content(path):
    """What an adaptation left behind, in all of its folders, without times."""
    results = {str(one.relative_to(path)): without_times(json.loads(one.read_text())) for one in path.rglob("*.json")}
    states = {
        str(one.relative_to(path)): {name: value.tolist() for name, value in load_file(one).items()}
        for one in path.rglob("*.safetensors")
    }
    tables = {str(one.relative_to(path)): one.read_bytes() for one in path.rglob("evaluations.csv")}
    return results, states, tables, (path / "progress.csv").read_bytes()


MOMENTS = {
    "before the fault": (RecoveryRun, "apply_faults", 1, "both"),
    "before the first learner's settings": (folders, "write_once", 2, "both"),
    "in the first learner": (Rule, "update", 3, "policy"),
    "in an epoch of the first learner": (Trainer, "stretch", 2, "encoder"),
    "in the final evaluation of the first learner": (RunFolder, "save_result", 1, "both"),
    "before its figure": (runs.figures, "recovery_figure", 1, "both"),
    "before the second learner's training": (policies, "train", 2, "policy"),
    "before the second learner's epochs": (estimators, "fit", 2, "encoder"),
    "in the last learner": (Rule, "update", 11, "policy"),
    "in an epoch of the last learner": (Trainer, "stretch", 6, "encoder"),
    "before the result": (RunFolder, "save_result", 4, "both"),
}


FAST = {
    ("encoder", "before the fault"),
    ("encoder", "in an epoch of the first learner"),
    ("encoder", "before the result"),
    ("policy", "in the first learner"),
    ("policy", "in the final evaluation of the first learner"),
}


def cases():
    """All kinds at all moments; those that go on as others do wait for the slow suite."""
    return [
        pytest.param(kind, moment, marks=() if (kind, moment) in FAST else pytest.mark.slow)
        for kind in LENGTHS
        for moment, (*_, of) in MOMENTS.items()
        if of in ("both", kind)
    ]


@pytest.mark.parametrize(("kind", "moment"), cases())
def test_a_killed_adaptation_ends_as_if_nothing_had_happened(kind, moment, wholes, request, tmp_path, monkeypatch):
    path = tmp_path / "one"
    owner, name, call, _ = MOMENTS[moment]
    with monkeypatch.context() as patch:
        calls = kill_at(patch, owner, name, call)
        with suppress(KilledError):
            begin(kind, request, path, "--checkpoint-every", "1")
        assert len(calls) == call
    adapt.main(["--resume", str(path), "--no-progress"])
    assert content(path) == content(wholes / kind)
    assert not list(path.rglob("checkpoints"))


def test_it_goes_on_from_a_checkpoint_and_leaves_who_is_done(wholes, request, tmp_path, monkeypatch, capsys):
    path = tmp_path / "one"
    with monkeypatch.context() as patch:
        kill_at(patch, Rule, "update", 7)
        with suppress(KilledError):
            begin("policy", request, path, "--checkpoint-every", "1")
    found = newest_checkpoint(path / "frozen")
    assert found is not None
    assert found.step == 128
    done = (path / "pib" / "result.json").stat().st_mtime_ns
    adapt.main(["--resume", str(path), "--no-progress", "--checkpoint-every", "2h"])
    assert f"{path / 'frozen'} goes on from step 128 of 256" in capsys.readouterr().out
    assert (path / "pib" / "result.json").stat().st_mtime_ns == done
    adapt.main(["--resume", str(path)])
    assert "finished" in capsys.readouterr().out


@pytest.mark.parametrize(("kind", "owner", "name"), [("policy", Rule, "update"), ("encoder", Trainer, "stretch")])
def test_a_stop_names_the_command_that_goes_on(kind, owner, name, wholes, request, tmp_path, monkeypatch):
    path = tmp_path / "one"
    with monkeypatch.context() as patch:
        kill_at(patch, owner, name, 2, KeyboardInterrupt)
        with pytest.raises(UserError, match=f"interrupted; stopped .*: python -m pib_rl.adapt --resume {path} goes on"):
            begin(kind, request, path)
    with pytest.raises(UserError, match=f"unfinished run .*; python -m pib_rl.adapt --resume {path} goes on with it"):
        begin(kind, request, path)
    command = train if kind == "policy" else learn
    with pytest.raises(UserError, match=f"is a part of an adaptation: python -m pib_rl.adapt --resume {path} goes on"):
        command.main(["--resume", str(path / "pib")])


def test_what_cannot_go_on_is_refused_in_one_line(wholes, policy, tmp_path, monkeypatch, capsys):
    for arguments, said in (
        (["--resume", str(policy)], "is not of an adaptation that python -m pib_rl.adapt began"),
        (["--resume", str(tmp_path)], "is not a run folder: it lacks config.yaml"),
        (["--resume", str(wholes / "policy"), "--seed", "6"], "leave --seed out"),
        (["--resume", str(wholes / "policy"), "--fault", "stuck:0.4"], "leave --fault out"),
        ([str(policy), *FAULT, "--checkpoint-every", "soon"], "--checkpoint-every must be a time such as 30s"),
    ):
        assert said in stops(adapt, arguments, monkeypatch, capsys)
