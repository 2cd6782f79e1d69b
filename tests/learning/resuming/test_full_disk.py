"""A run of `learn` whose disk is full says so, keeps what was saved, and goes on."""

from __future__ import annotations

import json

import numpy as np
import pytest
from full_disk import Disk
from one_line import stops

from pib_rl import learn
from pib_rl.agents.resuming.checkpoints import newest_checkpoint
from pib_rl.runs.folder import RunFolder

SMALL = ["--epochs", "4", "--width", "6", "--units", "2", "--batch-size", "32", "--no-progress"]
MOMENTS = {  # file, which write of it, epoch that was saved, what the line says
    "first checkpoint": ("0*", 1, None, "after epoch 0: "),
    "third checkpoint": ("0*", 3, 2, "after epoch 2: "),
    "policy": ("policy*", 1, 4, "after epoch 4: "),
    "log": ("progress.csv", 1, 4, "after epoch 4: "),
    "figure": ("confusion.png", 1, 4, "in its evaluation, the training is done: "),
    "result": ("result.json", 1, 4, "in its evaluation, the training is done: "),
}


@pytest.fixture(scope="module")
def npz(tmp_path_factory):
    x = np.random.default_rng(0).normal(size=(120, 5)).astype(np.float32)
    path = tmp_path_factory.mktemp("data") / "toy.npz"
    np.savez(path, x_train=x[:90], y_train=(x[:90, 0] > 0).astype(int), x_test=x[90:], y_test=(x[90:, 0] > 0) * 1)
    return path


def result(path):
    return json.loads((path / "result.json").read_text()) | {"wall_s": 0}


@pytest.fixture(scope="module")
def whole(npz, tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "run"
    learn.main([str(npz), *SMALL, "--out", str(path)])
    return result(path)


LATER = {"third checkpoint", "figure", "log"}  # go on as the others do


@pytest.mark.parametrize(
    "moment", [pytest.param(one, marks=[pytest.mark.slow] if one in LATER else []) for one in MOMENTS]
)
def test_a_full_disk_ends_in_one_line_and_the_run_goes_on(moment, npz, whole, tmp_path, monkeypatch, capsys):
    path = tmp_path / "run"
    pattern, call, epoch, words = MOMENTS[moment]
    with monkeypatch.context() as patch:
        disk = Disk(patch, pattern, call)
        said = stops(learn, [str(npz), *SMALL, "--out", str(path), "--checkpoint-every", "1"], patch, capsys)
    assert disk.full
    assert f"No space left on device; make room; stopped {words}python -m pib_rl.learn --resume {path}" in said
    found = newest_checkpoint(path)
    assert (found and found.step) == epoch
    learn.main(["--resume", str(path), "--no-progress"])
    assert result(path) == whole


@pytest.mark.parametrize("name", ["save_result", "save_rows"])
def test_an_interruption_while_it_is_written_says_how_to_go_on(name, npz, whole, tmp_path, monkeypatch, capsys):
    path = tmp_path / "run"

    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, name, stop)
        said = stops(learn, [str(npz), *SMALL, "--out", str(path)], patch, capsys)
    assert "pib_rl.learn: error: interrupted; stopped" in said
    assert f"python -m pib_rl.learn --resume {path}" in said
    learn.main(["--resume", str(path), "--no-progress"])
    assert result(path) == whole
