"""The script that tunes learning from labels: on training images alone, and a failing setting is told."""

from __future__ import annotations

import numpy as np
import pytest
from script_loader import load_script

from pib_rl.cli.cli import UserError


@pytest.fixture
def script(monkeypatch):
    module = load_script("learn_grid")
    small = {"width": 6, "units": 1, "batch_size": 20}
    for name, value in (
        ("TASKS", {"dense": small, "views": small}),
        ("LEARNED_FROM", 80),
        ("JUDGED_BY", 30),
        ("EPOCHS", 40),
        ("HIDDEN", (0.01, 0.02)),
        ("READOUT", (2.0,)),
    ):
        monkeypatch.setattr(module, name, value)
    return module


@pytest.fixture
def npz(tmp_path):
    generator = np.random.default_rng(0)
    y = np.arange(120) % 3
    x = (generator.normal(size=(120, 16)) + 3 * np.eye(3, 16)[y]).reshape(-1, 4, 4)
    path = tmp_path / "small.npz"
    np.savez(path, x_train=x, y_train=y, x_test=np.zeros((2, 4, 4)), y_test=y[:2])
    return path


def test_every_setting_is_judged_by_training_images_that_were_held_out(npz, script, capsys):
    script.main(["pib", "frozen", "--data", str(npz), "--hw", "digital", "--jobs", "1"])
    out = capsys.readouterr().out
    for learner in ("pib", "frozen"):
        assert f"| {learner}, dense | digital, readout 2 |" in out
    accuracies = [float(line.split("|")[2]) for line in out.splitlines() if line.startswith("| hidden rate")]
    assert len(accuracies) == 4
    assert min(accuracies[:2]) > 80  # the black test images of no class would give a third
    assert 40 < min(accuracies[2:]) < min(accuracies[:2])


def test_without_labels_features_are_judged_by_probes_and_neighbours(npz, script, capsys):
    script.main(["backprop", "--task", "views", "--data", str(npz), "--hw", "digital", "--jobs", "1"])
    cells = [line.split("|")[2] for line in capsys.readouterr().out.splitlines() if line.startswith("| hidden rate")]
    probe, few, near = (float(value) for value in cells[0].split("/"))
    assert min(probe, few, near) > 80


def test_a_setting_that_fails_is_told_and_the_others_stand(npz, script, capsys, monkeypatch):
    monkeypatch.setattr(script, "HIDDEN", (0.01, -1.0))
    script.main(["pib", "--data", str(npz), "--hw", "digital", "--jobs", "1"])
    captured = capsys.readouterr()
    assert "pib: a setting failed: the rule's hidden_rate must be 0 or more" in captured.err
    cells = [line.split("|")[2].strip() for line in captured.out.splitlines() if line.startswith("| hidden rate")]
    assert float(cells[0]) > 0
    assert cells[1] == "-"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["--jobs", "0"], "--jobs must be 1 or more"),
        (["--seeds", "-1"], "--seeds must be 0 or more"),
        (["--seeds", str(2**32)], r"below 2\^32"),
        (["--data", "nowhere.npz"], "there is no file nowhere.npz"),
        (["--data", "digits"], "2000 or more to learn from"),
    ],
)
def test_mistakes_are_named(script, given, words, monkeypatch):
    monkeypatch.setattr(script, "LEARNED_FROM", 1970)
    with pytest.raises(UserError, match=words):
        script.main(["pib", *given])
