"""Runs on a measured bench: they play, adapt and go on without its files, and none begins without them."""

from __future__ import annotations

import shutil
from contextlib import suppress

import numpy as np
import pytest
import yaml
from measured_bench import full_bench, matrix, write_bench
from one_line import stops
from safetensors.torch import load_file

from pib_rl import adapt, learn, play, train
from pib_rl.agents.rule.iteration import Rule
from pib_rl.runs.folder import LAST

pytestmark = pytest.mark.usefixtures("few_steps")

SMALL = ["--width", "4", "--looks", "0", "--eval-episodes", "2"]
TRAIN = ["CartPole-v1", *SMALL, "--timesteps", "256", "--n-envs", "2", "--n-steps", "32", "--no-progress"]


class EndedError(BaseException):
    pass


def end_after(calls: int, monkeypatch):
    inner, left = Rule.update, [calls]

    def stop(*given, **options):
        left[0] -= 1
        if not left[0]:
            raise EndedError
        return inner(*given, **options)

    monkeypatch.setattr(Rule, "update", stop)


@pytest.fixture(scope="module")
def moved(tmp_path_factory):
    """A finished run, a broken-off one and one of `learn` in another place; the files of their benches are gone."""
    folder = tmp_path_factory.mktemp("bench")
    bench, place = full_bench(folder / "files"), folder / "elsewhere"
    place.mkdir()
    for name in ("whole", "broken"):
        with pytest.MonkeyPatch.context() as patch, suppress(EndedError):
            if name == "broken":
                end_after(4, patch)
            train.main([*TRAIN, "--hw", f"optical:{bench}", "--out", str(folder / name), "--checkpoint-every", "64"])
    np.save(folder / "files" / "wide.npy", matrix(shape=(800, 600)))
    wide = write_bench(folder / "files", "wide.yaml", transmission="wide.npy")
    learn.main(["digits", "--hw", f"optical:{wide}", "--units", "1", "--width", "20", "--epochs", "1",
                "--out", str(folder / "learned"), "--no-progress"])  # fmt: skip
    for name in ("whole", "broken", "learned"):
        shutil.move(folder / name, place / name)
    shutil.rmtree(folder / "files")
    return place


def test_a_run_plays_without_the_files_of_its_bench(moved, capsys):
    play.main([str(moved / "whole"), "--episodes", "1", "--no-progress"])
    assert "returns:" in capsys.readouterr().out


def test_its_configuration_holds_the_response_and_checksums(moved):
    options = yaml.safe_load((moved / "whole" / "config.yaml").read_text())["hw_options"]
    assert set(options["bench"]) == {"transmission", "dark", "response"}
    assert len(options["bench"]["transmission"]["sha256"]) == 64
    assert options["electrons_per_adu"] == 2.0


def test_it_adapts_without_them(moved, tmp_path, capsys):
    run = [str(moved / "whole"), "--fault", "rotate-medium:30", "--timesteps", "128", "--learner", "frozen"]
    adapt.main([*run, "--out", str(tmp_path / "adapted"), "--no-progress"])
    assert (tmp_path / "adapted" / "result.json").exists()


def test_a_broken_off_run_goes_on_without_them_bit_for_bit(moved):
    train.main(["--resume", str(moved / "broken"), "--no-progress"])
    ours, theirs = (load_file(moved / name / LAST) for name in ("whole", "broken"))
    assert ours.keys() == theirs.keys()
    assert [name for name, value in ours.items() if not (value == theirs[name]).all()] == []


def test_what_was_learned_adapts_without_them(moved, tmp_path):
    adapt.main([str(moved / "learned"), "--fault", "dead-pixels:0.2", "--learner", "frozen", "--epochs", "1",
                "--out", str(tmp_path / "adapted"), "--no-progress"])  # fmt: skip
    assert (tmp_path / "adapted" / "result.json").exists()


def test_a_new_run_needs_the_files_and_leaves_no_folder(moved, tmp_path, monkeypatch, capsys):
    arguments = [*TRAIN, "--config", str(moved / "whole" / "config.yaml"), "--out", str(tmp_path / "new")]
    said = stops(train, arguments, monkeypatch, capsys)
    assert "the measured bench of this hardware can't be made" in said
    assert "tm.npy is not there" in said
    assert not (tmp_path / "new").exists()


def test_a_network_that_is_too_large_is_told_and_leaves_no_folder(tmp_path, monkeypatch, capsys):
    bench = write_bench(tmp_path / "files")
    arguments = ["CartPole-v1", "--width", "300", "--hw", f"optical:{bench}", "--out", str(tmp_path / "new")]
    said = stops(train, [*arguments, "--no-progress"], monkeypatch, capsys)
    assert "the bench has 200 camera pixels and 120 modulator pixels" in said
    assert not (tmp_path / "new").exists()
