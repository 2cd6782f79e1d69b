"""A run that is killed at any moment, and goes on, ends as if nothing had happened."""

from __future__ import annotations

import csv
import json
import multiprocessing
import shutil
from contextlib import suppress

import gymnasium as gym
import numpy as np
import pytest
import yaml
from failing_worlds import NAME, Failing
from gymnasium.envs.registration import EnvSpec
from one_line import stops
from safetensors.torch import load_file

from pib_rl import play, train
from pib_rl.agents import PIB, Rule
from pib_rl.agents.resuming.checkpoints import checkpoint_files, newest_checkpoint
from pib_rl.cli.cli import UserError
from pib_rl.common import stored
from pib_rl.runs.folder import RunFolder
from pib_rl.runs.resuming import Every
from pib_rl.training import run
from pib_rl.training.callbacks import Evaluation
from pib_rl.training.config import TrainConfig

pytestmark = pytest.mark.usefixtures("few_steps")

SMALL = ["--timesteps", "320", "--width", "4", "--n-envs", "2", "--n-steps", "32", "--looks", "2"]
ARGUMENTS = ["CartPole-v1", "--hw", "memristive", "--eval-episodes", "2", *SMALL, "--no-progress"]
FAULTS = ["--fault", "stuck:0.2@100", "--clock", "control"]
TIMES = ("time/fps", "time/time_elapsed")


class KilledError(BaseException):
    """What nothing catches, as a SIGKILL."""


def kill_at(monkeypatch, owner, name, call, kind=KilledError):
    """Has the so-manieth call of a function end the process, before it does anything."""
    inner, calls = getattr(owner, name), []

    def called(*arguments, **options):
        calls.append(name)
        if len(calls) == call:
            raise kind
        return inner(*arguments, **options)

    monkeypatch.setattr(owner, name, called)


def content(path):
    """What a run left behind, without times."""
    result = json.loads((path / "result.json").read_text())
    result.pop("wall_s")
    rows = list(csv.DictReader((path / "progress.csv").open()))
    log = [sorted((name, value) for name, value in row.items() if name not in TIMES) for row in rows]
    policies = [
        {name: value.tolist() for name, value in load_file(path / file).items()}
        for file in ("policy.safetensors", "best.safetensors")
    ]
    others = {one.name: one.read_bytes() for one in path.glob("*.csv") if one.name != "progress.csv"}
    return result, log, policies, others


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The same run, never stopped."""
    path = tmp_path_factory.mktemp("whole") / "run"
    train.main([*ARGUMENTS, *FAULTS, "--out", str(path)])
    assert not (path / "checkpoints").exists()
    return path


MOMENTS = {
    "before the first rollout": (PIB, "collect_rollouts", 1),
    "in a step": (PIB, "_step", 75),
    "while learning": (Rule, "update", 3),
    "in an evaluation": (Evaluation, "evaluate_now", 2),
    "while a checkpoint is written": (stored, "write_atomically", 8),
    "after the training": (run, "draw", 1),
    "in the final evaluation": (run, "evaluate", 4),
    "before the result": (RunFolder, "save_result", 1),
}


LATER = {"in a step", "in an evaluation", "after the training", "before the result"}  # go on as the others do


@pytest.mark.parametrize(
    "moment", [pytest.param(one, marks=[pytest.mark.slow] if one in LATER else []) for one in MOMENTS]
)
def test_a_killed_run_ends_as_if_nothing_had_happened(moment, whole, tmp_path, monkeypatch, capsys):
    path = tmp_path / "run"
    with monkeypatch.context() as patch:
        kill_at(patch, *MOMENTS[moment])
        with suppress(KilledError):
            train.main([*ARGUMENTS, *FAULTS, "--out", str(path), "--checkpoint-every", "60"])
    assert not (path / "result.json").exists()
    assert len(checkpoint_files(path)) <= 2
    found = newest_checkpoint(path)
    capsys.readouterr()
    train.main(["--resume", str(path), "--no-progress"])
    said = capsys.readouterr().out
    assert (f"goes on from step {found.step} of 320" in said) if found else ("goes on" not in said)
    assert content(path) == content(whole)
    assert not (path / "checkpoints").exists()


def test_two_kills_and_a_damaged_checkpoint_lose_no_more_than_that(whole, tmp_path, monkeypatch):
    path = tmp_path / "run"
    for call, arguments in ((3, [*ARGUMENTS, *FAULTS, "--out", str(path)]), (2, ["--resume", str(path)])):
        with monkeypatch.context() as patch:
            kill_at(patch, Rule, "update", call)
            with suppress(KilledError):
                train.main([*arguments, "--checkpoint-every", "1", "--no-progress"])
    newest, older = checkpoint_files(path)
    assert (newest.name, older.name) == ("000000000192.safetensors", "000000000128.safetensors")
    newest.write_bytes(newest.read_bytes()[:-100])
    train.main(["--resume", str(path), "--no-progress"])
    assert content(path) == content(whole)


def interrupted(path, monkeypatch, owner=Rule, name="update", call=3):
    with monkeypatch.context() as patch:
        kill_at(patch, owner, name, call, KeyboardInterrupt)
        with pytest.raises(UserError) as caught:
            train.main([*ARGUMENTS, "--out", str(path)])
    return str(caught.value)


def test_an_interrupted_run_says_how_it_goes_on_and_plays_its_checkpoint(tmp_path, monkeypatch, capsys):
    path = tmp_path / "run"
    said = interrupted(path, monkeypatch)
    assert said.startswith("interrupted; stopped at step 128 of 320, where it was saved last: ")
    assert f"python -m pib_rl.train --resume {path} goes on" in said
    capsys.readouterr()
    play.main([str(path), "--episodes", "1", "--no-progress"])
    assert f"{path} is unfinished: this is its checkpoint of step 128 of 320\n" in capsys.readouterr().out
    with pytest.raises(UserError, match=rf"unfinished run.*--resume {path} goes on with it"):
        train.main([*ARGUMENTS, "--out", str(path)])


def test_an_interruption_of_the_final_evaluation_says_that_the_training_is_done(tmp_path, monkeypatch, capsys):
    path = tmp_path / "run"
    said = interrupted(path, monkeypatch, run, "evaluate_final", 1)
    assert "in its final evaluation, the training is done" in said
    assert f"--resume {path} evaluates" in said
    steps = []
    monkeypatch.setattr(PIB, "_step", lambda *arguments: steps.append(1))
    train.main(["--resume", str(path), "--no-progress"])
    assert not steps
    assert RunFolder(path).finished


def test_a_run_without_a_checkpoint_does_not_play(tmp_path, monkeypatch, capsys):
    with monkeypatch.context() as patch:
        kill_at(patch, PIB, "collect_rollouts", 1)
        with suppress(KilledError):
            train.main([*ARGUMENTS, "--out", str(tmp_path / "run")])
    assert "without policy.safetensors or a checkpoint" in stops(play, [str(tmp_path / "run")], monkeypatch, capsys)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--timesteps", "640"], "leave --timesteps out"),
        (["--seed", "3", "--width", "8"], "leave --seed, --width out"),
        (["Pendulum-v1"], "leave --env out"),
        (["--out", "elsewhere"], "leave --out out"),
        (["--checkpoint-every", "soon"], "must be a time such as 30s"),
    ],
)
def test_other_settings_are_refused_beside_resume(more, words, whole, monkeypatch, capsys):
    assert words in stops(train, ["--resume", str(whole), *more], monkeypatch, capsys)


def test_a_finished_run_is_shown_and_another_folder_refused(whole, tmp_path, monkeypatch, capsys):
    train.main(["--resume", str(whole)])
    assert "holds this run already, finished" in capsys.readouterr().out
    assert "is not a run folder" in stops(train, ["--resume", str(tmp_path)], monkeypatch, capsys)
    copy = tmp_path / "copy"
    shutil.copytree(whole, copy)
    (copy / "result.json").unlink()
    settings = yaml.safe_load((copy / "config.yaml").read_text())
    settings["versions"]["torch"] = "0.1"
    (copy / "config.yaml").write_text(yaml.safe_dump(settings))
    RunFolder.resume(copy)
    assert "other versions of torch" in capsys.readouterr().out


class Breaking(gym.Env):
    """Breaks after a while."""

    observation_space = gym.spaces.Box(-1, 1, (3,))
    action_space = gym.spaces.Discrete(2)
    breaks = True

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.count = 0
        return self.np_random.uniform(-1, 1, 3).astype(np.float32), {}

    def step(self, action):
        self.count += 1
        if self.count > 100 and self.breaks:
            raise RuntimeError("the arm\nis stuck")
        return self.np_random.uniform(-1, 1, 3).astype(np.float32), 1.0, False, self.count % 150 == 0, {}


@pytest.mark.parametrize(
    ("looks", "when", "kept"),
    [("0", "after step 200", 192), ("2", "in an evaluation", 128)],
    ids=["step", "evaluation"],
)
def test_an_environment_that_raises_ends_in_one_line_and_its_run_goes_on(
    looks, when, kept, tmp_path, monkeypatch, capsys
):
    gym.register("Breaking-v0", entry_point=Breaking)
    path = tmp_path / "run"
    arguments = ["Breaking-v0", *ARGUMENTS[1:], "--looks", looks, "--out", str(path)]
    try:
        said = stops(train, arguments, monkeypatch, capsys)
        assert f"the environment failed {when}: RuntimeError: the arm is stuck; stopped at step {kept} of 320" in said
        assert f"--resume {path} goes on" in said
        monkeypatch.setattr(Breaking, "breaks", False)
        train.main(["--resume", str(path), "--no-progress"])
    finally:
        del gym.registry["Breaking-v0"]
    assert RunFolder(path).result().timesteps == 320


def ask(path, start, results):
    start.wait()
    try:
        results.put(bool(RunFolder.create(TrainConfig(env="CartPole-v1", out=path))._lock))
        start.wait()
    except UserError:
        results.put(False)
        start.wait()


def test_of_two_that_ask_for_one_folder_one_gets_it(tmp_path):
    context = multiprocessing.get_context("fork")
    start, results = context.Barrier(2), context.Queue()
    for trial in range(8):
        both = [context.Process(target=ask, args=(tmp_path / str(trial), start, results)) for _ in range(2)]
        for one in both:
            one.start()
        assert sorted(results.get(timeout=60) for _ in both) == [False, True]
        for one in both:
            one.join()


def test_a_run_at_work_is_left_alone(tmp_path):
    folder = RunFolder.create(TrainConfig(env="CartPole-v1", out=tmp_path / "run"))
    with pytest.raises(UserError, match="another process works in"):
        RunFolder.resume(tmp_path / "run")
    folder.release()
    RunFolder.resume(tmp_path / "run")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("5min", Every(300.0)), ("30s", Every(30.0)), ("1.5h", Every(5400.0)), ("20000", Every(steps=20_000))],
)
def test_how_often(text, expected):
    assert Every.parse(text) == expected


@pytest.mark.parametrize("text", ["", "0", "0min", "-5", "1.5", "5 min", "5m", "never"])
def test_what_is_no_time_and_no_number_of_steps(text):
    with pytest.raises(ValueError, match=r"--checkpoint-every must be a time such as 30s"):
        Every.parse(text)


@pytest.mark.parametrize("first", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_a_run_goes_on_exactly_in_another_number_of_processes(first, tmp_path, monkeypatch):
    monkeypatch.setitem(gym.registry, NAME, EnvSpec(NAME, entry_point=Failing))
    whole, part = tmp_path / "whole", tmp_path / "part"
    arguments = [NAME, "--hw", "digital", "--eval-episodes", "1", *SMALL, "--looks", "0", "--no-progress"]
    train.main([*arguments, "--out", str(whole)])
    with monkeypatch.context() as patch:
        kill_at(patch, PIB, "training_state", 3, KeyboardInterrupt)
        with pytest.raises(UserError, match="interrupted; stopped at step 64"):
            train.main([*arguments, "--env-processes", str(first), "--out", str(part)])
    assert multiprocessing.active_children() == []
    train.main(["--resume", str(part), "--env-processes", str(3 - first), "--no-progress"])
    assert content(whole) == content(part)


def test_more_processes_than_environments_are_refused(monkeypatch, capsys):
    said = stops(train, [*ARGUMENTS, "--env-processes", "3"], monkeypatch, capsys)
    assert "--env-processes must be at most the 2 environments, got 3" in said
