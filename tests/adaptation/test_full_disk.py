"""An adaptation whose disk is full, or that is stopped between its learners, says how it goes on."""

from __future__ import annotations

import json

import pytest
from full_disk import Disk
from one_line import stops

from pib_rl import adapt, train
from pib_rl.adaptation.recovery import RecoveryRun

SMALL = ["--hw", "digital", "--width", "4", "--units", "1", "--no-progress"]
SIZES = ["--timesteps", "64", "--n-envs", "2", "--n-steps", "16", "--eval-episodes", "1", "--looks", "0"]
FAULT = ["--fault", "dead-unit:1", "--learner", "frozen", "--timesteps", "32", "--no-progress"]
MOMENTS = {  # file, which write of it, what the line says
    "checkpoint": ("0*", 1, "stopped before it was saved for the first time: "),
    "second learner's policy": ("policy*", 2, "stopped in its final evaluation, the training is done: "),
    "figure": ("adapt.png", 1, "stopped between learners: "),
    "result": ("result.json", 3, "stopped between learners: "),
}


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "policy"
    train.main(["CartPole-v1", *SMALL, *SIZES, "--out", str(path)])
    return path


def result(path):
    found = json.loads((path / "result.json").read_text())
    for one in found["learners"].values():
        one["counts"].pop("wall_s")
    return found


@pytest.fixture(scope="module")
def whole(policy, tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "one"
    adapt.main([str(policy), *FAULT, "--out", str(path)])
    return result(path)


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_full_disk_ends_in_one_line_and_the_adaptation_goes_on(moment, policy, whole, tmp_path, monkeypatch, capsys):
    path = tmp_path / "one"
    pattern, call, words = MOMENTS[moment]
    with monkeypatch.context() as patch:
        disk = Disk(patch, pattern, call)
        said = stops(adapt, [str(policy), *FAULT, "--out", str(path), "--checkpoint-every", "1"], patch, capsys)
    assert disk.full
    assert f"No space left on device; make room; {words}python -m pib_rl.adapt --resume {path} " in said
    adapt.main(["--resume", str(path), "--no-progress"])
    assert result(path) == whole


def test_an_interruption_between_learners_names_the_command(policy, whole, tmp_path, monkeypatch, capsys):
    path = tmp_path / "one"

    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(RecoveryRun, "apply_faults", stop)
        patch.setattr("pib_rl.adaptation.policies.remembered", stop)
        said = stops(adapt, [str(policy), *FAULT, "--out", str(path)], patch, capsys)
    assert f"interrupted; stopped between learners: python -m pib_rl.adapt --resume {path} goes on" in said
    adapt.main(["--resume", str(path), "--no-progress"])
    assert result(path) == whole
