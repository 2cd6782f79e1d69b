"""A training whose disk is full, or whose folder nobody may write to, says so, keeps what was saved, and goes on."""

from __future__ import annotations

import csv
import errno
import json
import os

import pytest
from full_disk import Disk
from one_line import stops
from safetensors.torch import load_file

from pib_rl import play, train
from pib_rl.agents.resuming.checkpoints import newest_checkpoint

pytestmark = pytest.mark.usefixtures("few_steps")

SMALL = ["--timesteps", "320", "--width", "4", "--n-envs", "2", "--n-steps", "32", "--looks", "2"]
ARGUMENTS = ["CartPole-v1", "--hw", "memristive", "--eval-episodes", "2", *SMALL, "--no-progress"]
TIMES = ("time/fps", "time/time_elapsed")
MOMENTS = {  # file, which write of it, step that was saved, what the line says
    "first checkpoint": ("0*", 1, None, "before it was saved for the first time: "),
    "third checkpoint": ("0*", 3, 128, "at step 128 of 320, where it was saved last: "),
    "log": ("progress.csv", 3, 128, "at step 128 of 320, where it was saved last: "),
    "best policy": ("best*", 1, 128, "at step 128 of 320"),
    "last checkpoint": ("0*320*", 1, 256, "at step 256 of 320"),
    "last policy": ("policy*", 1, 320, "in its final evaluation, the training is done: "),
    "figure": ("*.png", 1, 320, "in its final evaluation"),
    "result": ("result.json", 1, 320, "in its final evaluation"),
}


def content(path):
    result = json.loads((path / "result.json").read_text()) | {"wall_s": 0}
    rows = list(csv.DictReader((path / "progress.csv").open()))
    log = [{name: value for name, value in row.items() if name not in TIMES} for row in rows]
    policies = [
        {name: value.tolist() for name, value in load_file(path / name).items()}
        for name in ("policy.safetensors", "best.safetensors")
    ]
    return result, log, policies


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "run"
    train.main([*ARGUMENTS, "--out", str(path)])
    return content(path)


LATER = {"third checkpoint", "last policy", "figure"}  # go on as the others do


@pytest.mark.parametrize(
    "moment", [pytest.param(one, marks=[pytest.mark.slow] if one in LATER else []) for one in MOMENTS]
)
def test_a_full_disk_ends_in_one_line_and_the_run_goes_on(moment, whole, tmp_path, monkeypatch, capsys):
    path = tmp_path / "run"
    pattern, call, step, words = MOMENTS[moment]
    with monkeypatch.context() as patch:
        disk = Disk(patch, pattern, call)
        said = stops(train, [*ARGUMENTS, "--out", str(path), "--checkpoint-every", "60"], patch, capsys)
    assert disk.full
    assert said.startswith(f"pib_rl.train: error: cannot use {path}")
    assert f"No space left on device; make room; stopped {words}" in said
    assert f"python -m pib_rl.train --resume {path} " in said
    found = newest_checkpoint(path)
    assert (found and found.step) == step
    assert not list(path.rglob(".*")), "no halves of files"
    train.main(["--resume", str(path), "--no-progress"])
    assert content(path) == whole


def test_an_interruption_on_a_full_disk_names_what_is_saved(tmp_path, monkeypatch, capsys):
    path = tmp_path / "run"

    class Interrupting(Disk):
        def use(self, file):
            if file.name == "progress.csv" and self.full:
                raise KeyboardInterrupt
            super().use(file)

    with monkeypatch.context() as patch:
        disk = Interrupting(patch, "000000000256*")
        patch.setattr("pib_rl.training.callbacks.Evaluation.evaluate_now", lambda *_: setattr(disk, "full", True))
        said = stops(train, [*ARGUMENTS, "--out", str(path), "--checkpoint-every", "60"], patch, capsys)
    assert "interrupted; stopped at step 128 of 320" in said


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.EIO])
def test_a_folder_that_turns_read_only(number, tmp_path, monkeypatch, capsys):
    path = tmp_path / "run"
    with monkeypatch.context() as patch:
        Disk(patch, "0*", 2, number)
        said = stops(train, [*ARGUMENTS, "--out", str(path), "--checkpoint-every", "60"], patch, capsys)
    assert f"000000000128.safetensors: {os.strerror(number)}; mend that; stopped at step 64 of 320" in said


def test_a_folder_that_is_removed_while_it_is_used(tmp_path, monkeypatch, capsys):
    path = tmp_path / "run"

    class Removing(Disk):
        def use(self, file):
            if file.name.startswith("000000000128"):
                self.left = 0
            super().use(file)

    Removing(monkeypatch, "never", number=errno.ENOENT)
    said = stops(train, [*ARGUMENTS, "--out", str(path), "--checkpoint-every", "60"], monkeypatch, capsys)
    assert "No such file or directory; mend that; stopped at step 64" in said


def test_a_read_only_place_is_refused_before_anything_is_trained_and_its_runs_play(tmp_path, monkeypatch, capsys):
    path = tmp_path / "run"
    train.main([*ARGUMENTS, "--out", str(path)])
    Disk(monkeypatch, "*", number=errno.EROFS)
    said = stops(train, [*ARGUMENTS, "--out", str(tmp_path / "other")], monkeypatch, capsys)
    assert said.count(f"cannot make the run folder {tmp_path / 'other'}: Read-only file system") == 1
    play.main([str(path), "--episodes", "1", "--no-progress"])
    assert "returns: " in capsys.readouterr().out
    said = stops(play, [str(path), "--steps", "3", "--render", "png", "--no-progress"], monkeypatch, capsys)
    assert f"{path}" in said
    assert "Read-only file system" in said


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_folder_without_the_right_to_write(tmp_path, monkeypatch, capsys):
    tmp_path.chmod(0o500)
    try:
        said = stops(train, [*ARGUMENTS, "--out", str(tmp_path / "run")], monkeypatch, capsys)
    finally:
        tmp_path.chmod(0o700)
    assert "Permission denied" in said
