"""python -m pib_rl.learn --target views, in this process."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from safetensors.torch import load_file

from pib_rl import learn
from pib_rl.cli.cli import UserError
from pib_rl.learning import data, views
from pib_rl.runs.folder import RunFolder

SMALL = ["--target", "views", "--width", "16", "--units", "2", "--epochs", "3", "--no-progress"]
FILES = {
    "config.yaml",
    "policy.safetensors",
    "result.json",
    "progress.csv",
    "learning_curve.png",
    "information_plane.png",
    "hardware.png",
    "features.png",
    "views.png",
}
JUDGED = {"probe_accuracy", "probe_500_accuracy", "knn_accuracy", "nmi"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "one"
    learn.main([*SMALL, "--hw", "optical", "--seed", "3", "--out", str(folder)])
    return folder


def test_run_folder_is_complete_and_judged_beside_inputs_and_principal_components(finished):
    assert {path.name for path in finished.iterdir()} == FILES
    result = json.loads((finished / "result.json").read_text())
    assert (result["target"], result["hw"], result["learner"], result["seed"]) == ("views", "optical", "pib", 3)
    assert (result["train_samples"], result["test_samples"], result["epochs"]) == (1294, 360, 3)
    for figures in (result, result["inputs"], result["pca"]):
        assert figures.keys() >= JUDGED
        assert all(0.3 < figures[key] <= 1 for key in JUDGED)
    assert result["inputs"]["probe_500_accuracy"] != result["inputs"]["probe_accuracy"]
    batches = 10 * 2 * 128  # a last batch of 14 is left out
    assert result["measurements"] == 3 * batches * 3 + 1024 * 2  # lessons and calibration
    assert load_file(finished / "policy.safetensors")
    rows = list(csv.DictReader((finished / "progress.csv").open()))
    assert len(rows) == 3
    assert 0 < float(rows[-1]["validation_score"]) < 1
    assert float(rows[-1]["loss_unit1"]) < float(rows[0]["loss_unit1"])


def test_the_table_shows_all_three(finished, capsys):
    learn.show(RunFolder(finished))
    said = capsys.readouterr().out
    assert all(word in said for word in ("features", "inputs", "PCA 50", "500 labels", "5 nearest neighbours", "NMI"))


def test_a_damaged_result_is_named(tmp_path, finished):
    result = json.loads((finished / "result.json").read_text())
    (tmp_path / "result.json").write_text(json.dumps(result | {"validation_score": "much"}))
    with pytest.raises(UserError, match=r"is damaged \(validation_score"):
        learn.show(RunFolder(tmp_path))
    (tmp_path / "result.json").write_text(json.dumps(result | {"target": "label"}))
    with pytest.raises(UserError, match="target"):
        learn.show(RunFolder(tmp_path))


def test_labels_change_nothing_but_the_judgement(tmp_path):
    found = data.load("digits")
    images, y = found.x_train[:400].reshape(-1, 8, 8), found.y_train[:400]
    tested, known = found.x_test[:100].reshape(-1, 8, 8), found.y_test[:100]
    states = []
    for labels in ({"y_train": y, "y_test": known}, {"y_train": y[::-1], "y_test": known}, {}):
        path = tmp_path / f"{len(states)}.npz"
        np.savez(path, x_train=images, x_test=tested, **labels)
        learn.main([str(path), *SMALL, "--epochs", "1", "--hw", "memristive", "--out", str(path.with_suffix(""))])
        states.append(load_file(path.with_suffix("") / "policy.safetensors"))
        result = json.loads((path.with_suffix("") / "result.json").read_text())
        assert ("knn_accuracy" in result) == bool(labels)
    for other in states[1:]:
        assert all(np.array_equal(value, other[key]) for key, value in states[0].items())


@pytest.mark.parametrize("shape", [(60, 5), (60, 4, 4, 3)])
def test_unlabelled_vectors_and_colour_images_get_through(tmp_path, shape, capsys):
    path = tmp_path / "bare.npz"
    np.savez(path, x_train=np.random.default_rng(0).normal(size=shape))
    learn.main([str(path), *SMALL, "--learner", "frozen", "--out", str(tmp_path / "run")])
    assert {file.name for file in (tmp_path / "run").iterdir()} == FILES
    assert "variance decoded from views" in capsys.readouterr().out


def test_csv_labels_only_judge_and_openml_may_have_none(tmp_path, monkeypatch):
    path = tmp_path / "some.csv"
    path.write_text("".join(f"{n % 7},{n * n % 11},{'ab'[n % 2]}\n" for n in range(60)))
    learn.main([str(path), *SMALL, "--views", "swap=0.2", "--out", str(tmp_path / "run")])
    assert json.loads((tmp_path / "run" / "result.json").read_text())["test_samples"] == 12

    class Bundle:
        data, target = np.random.default_rng(0).normal(size=(40, 3)), None

    monkeypatch.setattr(data.openml, "fetch_openml", lambda *_, **__: Bundle)
    found = data.load("unlabelled")
    assert (found.x_train.shape, found.y_train, len(found.x_test)) == ((40, 3), None, 0)


def test_test_samples_are_looked_at_after_training_only(tmp_path, monkeypatch):
    order, kind = [], views.PIBEncoder
    test, fit, read = data.load("digits").x_test, kind.fit, kind.transform
    monkeypatch.setattr(
        kind,
        "fit",
        lambda self, *args, **extra: (order.append("fit"), fit(self, *args, **extra), order.append("fitted"))[1],
    )
    monkeypatch.setattr(
        kind, "transform", lambda self, x: (order.append("test") if np.array_equal(x, test) else None, read(self, x))[1]
    )
    learn.main([*SMALL, "--out", str(tmp_path / "run")])
    assert order == ["fit", "fitted", "test"]
