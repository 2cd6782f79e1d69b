"""scripts/kill_and_resume.py: what it says of a run, and that it tells runs apart."""

from __future__ import annotations

import json
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file
from script_loader import load_script

from pib_rl import train

script = load_script("kill_and_resume")
SMALL = ["--timesteps", "128", "--n-envs", "2", "--n-steps", "32", "--width", "4", "--eval-episodes", "1"]


@pytest.fixture
def runs(tmp_path):
    """Two runs of the same settings."""
    for name in ("one", "two"):
        train.main(["CartPole-v1", *SMALL, "--out", str(tmp_path / name), "--no-progress"])
    return tmp_path / "one", tmp_path / "two"


def test_differences_are_found_and_times_are_none(runs):
    one, two = runs
    assert not script.differences(one, two)
    found = json.loads((two / "result.json").read_text())
    (two / "result.json").write_text(json.dumps(found | {"eval_mean": found["eval_mean"] + 1e-12}))
    state = load_file(two / "policy.safetensors")
    state["model.normaliser.mean"] = torch.nextafter(state["model.normaliser.mean"], torch.tensor(9.0))
    save_file(state, two / "policy.safetensors")
    (two / "evaluations.csv").write_text("timesteps\n")
    lines = (two / "progress.csv").read_text().splitlines()
    (two / "progress.csv").write_text("\n".join(lines[:-1]) + "\n")
    assert script.differences(one, two) == ["result.json", "policy.safetensors", "progress.csv", "evaluations.csv"]


def test_what_a_run_was_doing_is_told_from_what_it_left(tmp_path):
    run = tmp_path / "run"
    assert script.phase(run)[0].startswith("began")
    run.mkdir()
    (run / "config.yaml").touch()
    assert script.phase(run) == ("trained, first checkpoint", "step 0")
    (run / "checkpoints").mkdir()
    for step in (900, 12_000):
        (run / "checkpoints" / f"{step:012d}.safetensors").touch()
    assert script.phase(run) == ("trained", "step 12000")
    (run / "policy.safetensors").touch()
    assert script.phase(run)[0] == "final evaluation"
    (run / "result.json").touch()
    assert script.phase(run)[0] == "had ended"


def test_a_kill_comes_when_it_is_due_and_waits_for_none_that_ended():
    busy = [sys.executable, "-c", "while True: pass"]
    before = script.children_seconds()
    script.stop(busy, 0.1)
    assert script.children_seconds() - before >= 0.1
    script.stop(["true"], 60)


def test_a_training_that_fails_ends_it_with_what_it_said():
    with pytest.raises(SystemExit, match="no such training"):
        script.finish(["sh", "-c", "echo no such training >&2; exit 2"])
    script.finish(["true"])


def test_kills_that_are_left_come_at_the_same_moments(tmp_path, monkeypatch):
    moments: dict[int, list[float]] = {}
    monkeypatch.setattr(script, "finish", lambda training: None)
    monkeypatch.setattr(script, "differences", lambda one, two: [])
    monkeypatch.setattr(script, "children_seconds", iter(range(100)).__next__)
    for first in (0, 4):
        moments[first] = []
        monkeypatch.setattr(script, "stop", lambda training, after: moments[first].append(after))  # noqa: B023
        assert script.kill_all(script.Settings(kills=6, first=first), tmp_path) == 0
    assert len(moments[0]) == 6
    assert moments[0][4:] == moments[4]
