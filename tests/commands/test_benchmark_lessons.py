"""The script that measures learning from data: what was measured stands, what is missing is made, failures are told."""

from __future__ import annotations

import csv
import importlib.util
from pathlib import Path

import numpy as np
import pytest

from pib_rl.cli import UserError

SCRIPT = Path(__file__).parents[2] / "scripts" / "benchmark_lessons.py"


@pytest.fixture
def script(monkeypatch):
    spec = importlib.util.spec_from_file_location("benchmark_lessons", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    small = ["--width", "6", "--units", "1", "--epochs", "2"]
    monkeypatch.setattr(module, "TASKS", {"dense": small, "views": ["--mode", "unsupervised", *small]})
    return module


@pytest.fixture
def npz(tmp_path):
    generator = np.random.default_rng(0)
    y = np.arange(150) % 3
    x = generator.normal(size=(150, 16)) + 3 * np.eye(3, 16)[y]
    path = tmp_path / "small.npz"
    np.savez(path, x_train=x[:100].reshape(-1, 4, 4), y_train=y[:100], x_test=x[100:].reshape(-1, 4, 4), y_test=y[100:])
    return path


def arguments(tmp_path: Path, npz: Path, *others: str) -> list[str]:
    return ["--data", str(npz), "--hw", "digital", "--seeds", "0", "1", "--out", str(tmp_path / "runs"),
            "--results", str(tmp_path), "--jobs", "1", *others]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_what_is_missing_is_measured_and_what_stands_there_is_not(tmp_path, npz, script, capsys):
    script.main(["dense", *arguments(tmp_path, npz, "--learners", "pib")])
    first = rows(tmp_path / "small-dense.csv")
    assert [(row["hw"], row["learner"], row["seed"], row["epochs"]) for row in first] == [
        ("digital", "pib", "0", "2"), ("digital", "pib", "1", "2")]
    assert "| pib | " in capsys.readouterr().out
    changed = (tmp_path / "small-dense.csv").read_text().replace(first[0]["test_accuracy"], "0.125", 1)
    (tmp_path / "small-dense.csv").write_text(changed)
    script.main(["dense", *arguments(tmp_path, npz, "--learners", "frozen", "pib")])
    merged = rows(tmp_path / "small-dense.csv")
    assert [row["learner"] for row in merged] == ["frozen", "frozen", "pib", "pib"]
    assert merged[2]["test_accuracy"] == "0.125"
    assert not (tmp_path / "runs" / "dense-digital-es-s0").exists()


def test_figures_without_labels_stand_beside_those_of_pixels(tmp_path, npz, script, capsys):
    script.main(["views", *arguments(tmp_path, npz, "--learners", "pib")])
    out = capsys.readouterr().out
    assert "digital, probe | digital, 500 labels | digital, 5-NN | digital, NMI" in out
    for label in ("pib", "pixels", "PCA"):
        line = next(line for line in out.splitlines() if line.startswith(f"| {label} |"))
        assert line.count(" +- ") == 4
    assert all(row["pca.nmi"] for row in rows(tmp_path / "small-views.csv"))


def test_tables_are_means_and_deviations_in_percent(tmp_path, npz, script, capsys):
    heads = script.columns("dense")
    lines = [",".join(heads)]
    for seed, accuracy in ((0, "0.5"), (1, "0.6")):
        lines.append(",".join({"hw": "digital", "learner": "pib", "seed": str(seed), "test_accuracy": accuracy}
                              .get(head, "1") for head in heads))
    (tmp_path / "small-dense.csv").write_text("\n".join(lines))
    script.main(["dense", *arguments(tmp_path, npz, "--learners", "pib", "frozen", "--no-runs")])
    out = capsys.readouterr().out
    assert "| pib | 55.00 +- 7.07 |" in out
    assert "| frozen | - |" in out


def test_a_failing_run_is_told_and_the_others_go_on(tmp_path, npz, script, capsys):
    blocked = tmp_path / "runs" / "dense-digital-pib-s0"
    blocked.mkdir(parents=True)
    (blocked / "mine.txt").write_text("mine")
    with pytest.raises(SystemExit, match="1"):
        script.main(["dense", *arguments(tmp_path, npz, "--learners", "pib")])
    assert "dense-digital-pib-s0 failed: " in capsys.readouterr().err
    assert [row["seed"] for row in rows(tmp_path / "small-dense.csv")] == ["1"]


@pytest.mark.parametrize(("given", "words"), [
    (["sparse"], "unknown task sparse"), (["dense", "--jobs", "0"], "--jobs must be 1 or more"),
    (["dense", "--results", "nowhere"], "there is no folder nowhere for --results")])
def test_mistakes_are_named(script, given, words):
    with pytest.raises(UserError, match=words):
        script.main(given)


def test_a_foreign_file_is_left_alone(tmp_path, npz, script):
    (tmp_path / "small-dense.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match="lacks columns of dense"):
        script.main(["dense", *arguments(tmp_path, npz)])
    assert (tmp_path / "small-dense.csv").read_text() == "a,b\n1,2\n"
