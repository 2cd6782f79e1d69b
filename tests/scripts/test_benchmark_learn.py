"""The script that measures learning from data: what was measured stands, what is missing is made, failures are told."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from here import PROCESSES
from script_loader import load_script

from pib_rl.cli.cli import UserError


@pytest.fixture
def real_script(monkeypatch):
    """With tasks that take a moment; runs are processes, as for its users."""
    module = load_script("benchmark_learn")
    small = ["--width", "6", "--units", "1", "--epochs", "2"]
    monkeypatch.setattr(module, "TASKS", {"dense": small, "views": ["--target", "views", *small]})
    return module


@pytest.fixture
def script(real_script, monkeypatch):
    """The same without processes."""
    monkeypatch.setattr(real_script.jobs, "subprocess", PROCESSES)
    return real_script


@pytest.fixture
def npz(tmp_path):
    generator = np.random.default_rng(0)
    y = np.arange(150) % 3
    x = generator.normal(size=(150, 16)) + 3 * np.eye(3, 16)[y]
    path = tmp_path / "small.npz"
    np.savez(path, x_train=x[:100].reshape(-1, 4, 4), y_train=y[:100], x_test=x[100:].reshape(-1, 4, 4), y_test=y[100:])
    return path


def arguments(tmp_path: Path, npz: Path, *others: str) -> list[str]:
    return [
        "--data",
        str(npz),
        "--hw",
        "digital",
        "--seeds",
        "0",
        "1",
        "--out",
        str(tmp_path / "runs"),
        "--results",
        str(tmp_path),
        "--jobs",
        "1",
        *others,
    ]


def name(script, npz: Path, seed: int) -> str:
    """Of the run folder of PIB on digital hardware."""
    return script.Runner(str(npz), Path("runs")).name(script.One("dense", "digital", "pib", seed))


def save(path: Path, script, accuracies: list[str], settings: str | None = None) -> None:
    """Rows of PIB on digital hardware, seeds from 0."""
    heads = script.columns("dense")
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, heads, restval="1")
        writer.writeheader()
        known = {"hw": "digital", "learner": "pib", "settings": settings or script.settings("dense", "digital", "pib")}
        writer.writerows(known | {"seed": seed, "test_accuracy": accuracy} for seed, accuracy in enumerate(accuracies))


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_what_is_missing_is_measured_and_what_stands_there_is_not(tmp_path, npz, script, capsys):
    script.main(["dense", *arguments(tmp_path, npz, "--learners", "pib")])
    first = rows(tmp_path / "small-dense.csv")
    assert [(row["hw"], row["learner"], row["seed"], row["epochs"]) for row in first] == [
        ("digital", "pib", "0", "2"),
        ("digital", "pib", "1", "2"),
    ]
    assert "| pib | " in capsys.readouterr().out
    changed = (tmp_path / "small-dense.csv").read_text().replace(first[0]["test_accuracy"], "0.125", 1)
    (tmp_path / "small-dense.csv").write_text(changed)
    script.main(["dense", *arguments(tmp_path, npz, "--learners", "frozen", "pib")])
    merged = rows(tmp_path / "small-dense.csv")
    assert [row["learner"] for row in merged] == ["frozen", "frozen", "pib", "pib"]
    assert merged[2]["test_accuracy"] == "0.125"


def test_figures_without_labels_stand_beside_those_of_pixels(tmp_path, npz, script, capsys):
    script.main(["views", *arguments(tmp_path, npz, "--learners", "pib")])
    out = capsys.readouterr().out
    assert "digital, probe | digital, 500 labels | digital, 5-NN | digital, NMI" in out
    for label in ("pib", "pixels", "PCA"):
        line = next(line for line in out.splitlines() if line.startswith(f"| {label} |"))
        assert line.count(" +- ") == 4
    assert all(row["pca.nmi"] for row in rows(tmp_path / "small-views.csv"))


def test_frozen_units_are_given_one_epoch_where_only_their_features_count(script):
    def epochs(task, learner):
        chosen = script.flags(task, "digital", learner)
        return chosen[chosen.index("--epochs") + 1]

    assert epochs("views", "frozen") == "1"
    assert epochs("views", "pib") == epochs("dense", "frozen") == "2"
    assert script.TASKS["views"][-1] == "2"


def test_tables_are_means_and_deviations_in_percent(tmp_path, npz, script, capsys):
    save(tmp_path / "small-dense.csv", script, ["0.5", "0.6"])
    script.main(["dense", *arguments(tmp_path, npz, "--learners", "pib", "frozen", "--no-runs")])
    out = capsys.readouterr().out
    assert "| pib | 55.00 +- 7.07 |" in out
    assert "| frozen | - |" in out
    twice = ["--learners", "pib", "pib", "--no-runs", "--seeds", "0", "1", "1"]
    script.main(["dense", "dense", *arguments(tmp_path, npz, *twice)])
    assert capsys.readouterr().out.count("| pib | 55.00 +- 7.07 |") == 1  # whoever is named twice counts once


def test_rows_of_other_settings_do_not_count_and_are_replaced(tmp_path, npz, script, capsys):
    save(tmp_path / "small-dense.csv", script, ["0.5", "0.6"], "--width 7")
    script.main(["dense", *arguments(tmp_path, npz, "--learners", "pib", "--seeds", "1")])
    assert "2 rows were measured with other settings" in capsys.readouterr().err
    settings = [row["settings"] for row in rows(tmp_path / "small-dense.csv")]
    assert settings == ["--width 7", script.settings("dense", "digital", "pib")]


def test_rows_and_run_folders_of_other_shipped_settings_do_not_count(tmp_path, npz, script, monkeypatch, capsys):
    one = arguments(tmp_path, npz, "--learners", "pib", "--seeds", "0")
    script.main(["dense", *one])
    first, shipped = rows(tmp_path / "small-dense.csv"), script.shipped
    monkeypatch.setattr(script, "shipped", lambda *names, **kwargs: shipped(*names, **kwargs) | {"hidden_rate": 7})
    assert script.Results(tmp_path / "small-dense.csv", "dense").known() == {}
    script.main(["dense", *one])
    again = rows(tmp_path / "small-dense.csv")
    assert again[0]["settings"] != first[0]["settings"]
    assert len(list((tmp_path / "runs").glob("small-*"))) == 2


def test_rows_name_the_device_of_their_run(tmp_path, npz, script, capsys):
    one = arguments(tmp_path, npz, "--learners", "pib", "--seeds", "0")
    script.main(["dense", *one])
    assert rows(tmp_path / "small-dense.csv")[0]["device"] == "cpu"
    (tmp_path / "small-dense.csv").unlink()
    result = tmp_path / "runs" / name(script, npz, 0) / "result.json"
    result.write_text(result.read_text().replace('"device": "cpu"', '"device": "cuda"'))
    script.main(["dense", *one])  # the run is there already, and was made elsewhere
    assert rows(tmp_path / "small-dense.csv")[0]["device"] == "cuda"


def test_an_interrupted_run_is_made_anew_and_a_finished_one_is_that_of_the_same_data(tmp_path, npz, script, capsys):
    half = tmp_path / "runs" / "unfinished" / name(script, npz, 0)
    half.mkdir(parents=True)
    (half / "config.yaml").write_text("{}")
    script.main(["dense", *arguments(tmp_path, npz, "--learners", "pib", "--seeds", "0")])
    assert not half.exists()
    other = npz.with_name("other.npz")
    other.write_bytes(npz.read_bytes())
    script.main(["dense", *arguments(tmp_path, other, "--learners", "pib", "--seeds", "0")])
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == [
        name(script, other, 0),
        name(script, npz, 0),
        "unfinished",
    ]


def test_a_failing_run_is_told_and_the_others_go_on(tmp_path, npz, real_script, capsys):
    blocked = tmp_path / "runs" / name(real_script, npz, 0)
    blocked.mkdir(parents=True)
    (blocked / "mine.txt").write_text("mine")
    with pytest.raises(SystemExit, match="1"):
        real_script.main(["dense", *arguments(tmp_path, npz, "--learners", "pib")])
    assert f"{name(real_script, npz, 0)} failed: " in capsys.readouterr().err
    assert [row["seed"] for row in rows(tmp_path / "small-dense.csv")] == ["1"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["sparse"], "unknown task sparse"),
        (["dense", "--jobs", "0"], "--jobs must be 1 or more"),
        (["dense", "--results", "nowhere"], "there is no folder nowhere for --results"),
        (["dense", "--seeds", "-1"], "--seeds must be 0 or more"),
        (["dense", "--data", "nowhere.npz"], "there is no file nowhere.npz"),
        (["dense", "--data", "vectors.npz"], r"vectors.npz must hold images, shape \(n, height, width\), got vectors"),
        (["dense", "--device", "foo"], "--device must be cpu, cuda or cuda:N, got 'foo'"),
    ],
)
def test_mistakes_are_named(script, given, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("vectors.npz", x_train=np.zeros((9, 4)))
    with pytest.raises(UserError, match=words):
        script.main(given)


@pytest.mark.parametrize("content", ["a,b\n1,2\n", "my own notes\n", "{heads}\n{heads}\n", ""])
def test_a_foreign_file_is_left_alone(tmp_path, npz, script, content):
    content = content.format(heads=",".join(script.columns("dense")))
    (tmp_path / "small-dense.csv").write_text(content)
    with pytest.raises(UserError, match="restore it, or move it away"):
        script.main(["dense", *arguments(tmp_path, npz)])
    assert (tmp_path / "small-dense.csv").read_text() == content
