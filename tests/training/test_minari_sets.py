"""Data sets of Minari: what log writes is a data set, learn and train --init read it; nothing is fetched."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from one_line import stops
from safetensors.torch import load_file

from pib_rl import learn, log, train
from pib_rl.training import run as train_run

pytestmark = pytest.mark.usefixtures("few_steps")

minari = pytest.importorskip("minari")
NAME = "test/cartpole-v0"


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "sets"))
    (tmp_path / "sets").mkdir()
    return tmp_path


def test_what_log_writes_learn_reads(here, monkeypatch, capsys):
    out = here / "log.npz"
    log.main(["CartPole-v1", "--timesteps", "400", "--minari", NAME, "--out", str(out), "--no-progress"])
    data = minari.load_dataset(NAME)
    assert data.total_steps == 400
    episodes = list(data.iterate_episodes())
    assert all(len(one.observations) == len(one.actions) + 1 for one in episodes)
    over = [one for one in episodes if one.terminations[-1]]
    assert len(over) > 5
    assert all(abs(one.observations[-1][2]) > 0.2 or abs(one.observations[-1][0]) > 2.3 for one in over)  # it fell
    logged = np.load(out)["x_train"]
    pairs = np.concatenate([one.observations[:-1] for one in episodes])
    assert {row.tobytes() for row in logged} <= {row.tobytes() for row in pairs.astype(np.float32)}
    capsys.readouterr()
    said = stops(log, ["CartPole-v1", "--minari", NAME, "--out", str(here / "b.npz")], monkeypatch, capsys)
    assert "exists; choose another name or version" in said
    run = here / "run"
    small = ["--target", "views", "--width", "8", "--units", "1", "--epochs", "1", "--no-progress"]
    learn.main([f"minari:{NAME}", *small, "--out", str(run)])
    assert (run / "result.json").exists()


@pytest.mark.parametrize(
    ("command", "arguments", "said"),
    [
        (learn, ["minari:nobody/nothing-v0", "--target", "views"], "there is no Minari data set 'nobody/nothing-v0'"),
        (log, ["CartPole-v1", "--minari", "nothing"], "NAME-vNUMBER, such as cartpole/random-v0"),
        (log, ["CartPole-v1", "--minari", "a/b-v0"], "the namespace of two or more, got 'a/b-v0'"),
    ],
)
def test_what_can_not_be_is_one_line(command, arguments, said, here, monkeypatch, capsys):
    monkeypatch.chdir(here)
    words = stops(command, arguments, monkeypatch, capsys)
    assert said in words
    assert words.count("download") <= 1


def test_a_damaged_data_set_is_one_line(here, monkeypatch, capsys):
    monkeypatch.chdir(here)
    data = here / "sets" / "a" / "c-v0" / "data"
    data.mkdir(parents=True)
    (data / "metadata.json").write_text("{}")
    (data / "main_data.hdf5").write_text("x")
    said = stops(learn, ["minari:a/c-v0", "--target", "views"], monkeypatch, capsys)
    assert "the Minari data set 'a/c-v0' can't be read (AssertionError); if it is damaged, delete" in said
    said = stops(learn, ["minari:a/d-v0", "--target", "views"], monkeypatch, capsys)
    assert "there is no Minari data set 'a/d-v0'" in said
    assert [path.name for path in here.iterdir()] == ["sets"]


def test_a_folder_of_data_sets_that_is_not_there_is_not_made(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "none"))
    stops(learn, [f"minari:{NAME}", "--target", "views"], monkeypatch, capsys)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def logged(here, capsys):
    """A small data set of CartPole."""
    words = ["CartPole-v1", "--timesteps", "400", "--minari", NAME, "--out", str(here / "log.npz"), "--no-progress"]
    log.main(words)
    capsys.readouterr()
    return here


INIT = ["CartPole-v1", "--init", f"minari:{NAME}", "--width", "8", "--timesteps", "64", "--looks", "0", "--no-progress"]
INIT += ["--eval-episodes", "2"]


def weights(run):
    return load_file(run / "policy.safetensors")["model.network.units.0.array.weight"]


def test_a_training_begins_with_units_that_learned_from_a_data_set(logged, capsys):
    run = logged / "run"
    train.main([*INIT, "--learner", "frozen", "--out", str(run)])
    assert "the units have learned from 400 logged observations, " in capsys.readouterr().out
    without = [word for word in INIT if word not in INIT[1:3]]
    train.main([*without, "--learner", "frozen", "--out", str(logged / "raw")])
    assert not np.array_equal(weights(run), weights(logged / "raw"))  # frozen since, and yet they have moved


def test_a_training_that_goes_on_needs_no_data_set(logged, monkeypatch, capsys):
    run = logged / "run"
    with monkeypatch.context() as patch:
        patch.setattr(train_run, "draw", interrupt)
        stops(train, [*INIT, "--out", str(run)], patch, capsys)
    shutil.rmtree(logged / "sets")
    train.main(["--resume", str(run)])
    assert (run / "result.json").exists()


def test_one_that_was_not_saved_yet_learns_from_it_again(logged, monkeypatch, capsys):
    run = logged / "run"
    with monkeypatch.context() as patch:
        patch.setattr(train_run, "learn", interrupt)
        said = stops(train, [*INIT, "--out", str(run)], patch, capsys)
    assert "begins anew" in said
    train.main(["--resume", str(run)])
    assert "the units have learned from 400 logged observations, " in capsys.readouterr().out


def interrupt(*_, **__):
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([*INIT, "--distractors", "3"], "holds observations of 4 numbers, and the hardware of this run sees 7"),
        (["CartPole-v1", "--init", "minari:nobody/nothing-v0"], "there is no Minari data set 'nobody/nothing-v0'"),
    ],
)
def test_a_data_set_that_does_not_fit_leaves_nothing(arguments, said, logged, monkeypatch, capsys):
    monkeypatch.chdir(logged)
    before = sorted(logged.iterdir())
    assert said in stops(train, arguments, monkeypatch, capsys)
    assert sorted(logged.iterdir()) == before
