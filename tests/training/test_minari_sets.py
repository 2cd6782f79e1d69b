"""Data sets of Minari: what log writes is a data set, and learn reads it; nothing is fetched."""

from __future__ import annotations

import numpy as np
import pytest
from one_line import stops

from pib_rl import learn, log

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
