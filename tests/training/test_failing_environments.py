"""Environments that raise, in every command: one line with their message, and nothing is lost."""

from __future__ import annotations

import gymnasium as gym
import pytest
from failing_worlds import NAME, Failing
from one_line import stops

from pib_rl import adapt, log, play, train
from pib_rl.runs.folder import RunFolder
from pib_rl.training import baselines

pytestmark = pytest.mark.usefixtures("few_steps")

SMALL = ["--hw", "digital", "--timesteps", "64", "--width", "4", "--n-envs", "2", "--n-steps", "16", "--looks", "0"]
ARGUMENTS = [NAME, *SMALL, "--eval-episodes", "1", "--no-progress"]
SAID = "RuntimeError: the arm is stuck"


@pytest.fixture(autouse=True, scope="module")
def registered():
    gym.register(NAME, entry_point=Failing)
    yield
    del gym.registry[NAME]


@pytest.fixture(scope="module")
def run(registered, tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "run"
    train.main([*ARGUMENTS, "--out", str(path)])
    return path


def test_one_that_cannot_begin(tmp_path, monkeypatch, capsys):
    path = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(Failing, "fails", "reset")
        said = stops(train, [*ARGUMENTS, "--out", str(path)], patch, capsys)
    assert f"the environment failed when it began: {SAID}; stopped before it was saved for the first time: " in said
    train.main(["--resume", str(path), "--no-progress"])
    assert RunFolder(path).finished


def test_one_that_cannot_be_closed_costs_no_result(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(Failing, "fails", "close")
    train.main([*ARGUMENTS, "--out", str(tmp_path / "run")])
    assert RunFolder(tmp_path / "run").finished
    assert f"note: an environment could not be closed: {SAID}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("fails", "more", "words"),
    [
        ("reset", [], "failed after step 0"),
        ("step", [], "failed after step 6"),
        ("render", ["--render", "png"], "failed when it was drawn"),
    ],
)
def test_one_that_fails_while_it_is_played(fails, more, words, run, monkeypatch, capsys):
    monkeypatch.setattr(Failing, "fails", fails)
    said = stops(play, [str(run), "--steps", "12", "--no-progress", *more], monkeypatch, capsys)
    assert said == f"pib_rl.play: error: the environment {words}: {SAID}\n"


@pytest.mark.parametrize(("fails", "words"), [("reset", "when it began"), ("step", "after step 12")])
def test_one_that_fails_while_it_is_logged(fails, words, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(Failing, "fails", fails)
    out = tmp_path / "seen.npz"
    said = stops(log, [NAME, "--n-envs", "2", "--out", str(out), "--no-progress"], monkeypatch, capsys)
    assert said == f"pib_rl.log: error: the environment failed {words}: {SAID}\n"
    assert not out.exists()


@pytest.mark.parametrize(("calls", "words"), [(0, "while it was watched"), (1, "in an evaluation")])
def test_one_that_fails_in_an_adaptation(calls, words, run, tmp_path, monkeypatch, capsys):
    path, made = tmp_path / "one", []
    arguments = [str(run), "--fault", "dead-unit:1", "--timesteps", "32", "--no-progress", "--out", str(path)]
    with monkeypatch.context() as patch:
        if calls == 0:
            patch.setattr(Failing, "fails", "step")
        else:
            begin = Failing.reset

            def reset(self, **options):
                made.append(1)
                patch.setattr(Failing, "fails", "step" if len(made) > 110 else "")
                return begin(self, **options)

            patch.setattr(Failing, "reset", reset)
        said = stops(adapt, arguments, patch, capsys)
    assert f"the environment failed {words}: {SAID}; stopped between learners: " in said
    adapt.main(["--resume", str(path), "--no-progress"])
    assert RunFolder(path).finished


@pytest.mark.parametrize("fails", ["reset", "step"])
def test_one_that_fails_while_a_baseline_trains(fails, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(Failing, "fails", fails)
    out = ["--timesteps", "64", "--out", str(tmp_path / "run"), "--no-progress"]
    said = stops(baselines, [NAME, "--algo", "ppo", *out], monkeypatch, capsys)
    assert said == f"{baselines.NAME}: error: the environment failed while it trained: {SAID}\n"
