"""python -m pib_rl.learn --target values, and what becomes of such a run when its chip breaks."""

from __future__ import annotations

import json

import numpy as np
import pytest
from one_line import stops

from pib_rl import adapt, learn
from pib_rl.agents.estimators.supervised import PIBRegressor
from pib_rl.cli.cli import UserError
from pib_rl.learning import data, figures
from pib_rl.runs.folder import RunFolder
from pib_rl.training.config import chip_of

SMALL = ["--target", "values", "--width", "16", "--units", "2", "--epochs", "12", "--seed", "3", "--no-progress"]
FILES = {
    "config.yaml",
    "policy.safetensors",
    "result.json",
    "progress.csv",
    "learning_curve.png",
    "information_plane.png",
    "hardware.png",
    "predictions.png",
}


def waves(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs, shape (n, 4), and two values of each, far from mean 0 and deviation 1."""
    x = np.random.default_rng(seed).normal(size=(n, 4))
    return x, np.stack([50 + 10 * x[:, 0] - 5 * x[:, 1], 1e-3 * np.sin(x[:, 2])], 1)


@pytest.fixture(scope="module")
def npz(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "waves.npz"
    (x, y), (x_test, y_test) = waves(400, 0), waves(100, 1)
    np.savez(path, x_train=x, y_train=y, x_test=x_test, y_test=y_test)
    return path


@pytest.fixture(scope="module")
def finished(tmp_path_factory, npz):
    folder = tmp_path_factory.mktemp("runs") / "one"
    learn.main([str(npz), "--hw", "memristive", "--batch-size", "32", *SMALL, "--out", str(folder)])
    return folder


def test_run_folder_is_complete_and_values_are_learned(finished, capsys):
    assert {path.name for path in finished.iterdir()} == FILES
    result = json.loads((finished / "result.json").read_text())
    assert (result["target"], result["train_samples"], result["test_samples"]) == ("values", 360, 100)
    for key in ("test_r2", "test_r2_noiseless", "validation_r2"):
        assert 0.7 < result[key] < 1
    learn.show(RunFolder(finished))
    assert "variance explained (R2), mean read" in capsys.readouterr().out


def test_several_values_are_shown_on_one_scale(npz):
    truth = np.load(npz)["y_test"]
    (axes,) = figures.predictions(truth, truth, "title").axes
    shown = [line for line in axes.lines if line.get_label().startswith("value")]
    for line, values in zip(shown, truth.T, strict=True):
        assert np.allclose(line.get_xdata(), (values - values.mean()) / values.std())
        assert np.allclose(line.get_xdata(), line.get_ydata())
    (axes,) = figures.predictions(truth[:, 0], truth[:, 0] + 1, "title").axes
    assert np.allclose(axes.lines[0].get_ydata(), truth[:, 0] + 1)
    assert axes.get_legend() is None


def test_a_broken_regressor_learns_on(finished, tmp_path, monkeypatch):
    seen, predict = [], PIBRegressor.predict

    def note(model, x):
        seen.append(len(x))
        return predict(model, x)

    monkeypatch.setattr(PIBRegressor, "predict", note)
    adapt.main([str(finished), "--fault", "stuck:0.3", "--no-progress", "--out", str(tmp_path / "one")])
    assert seen == [100, 40, 100, 40, *[*[40] * 3, 100] * 3], "test samples before, after and at the end alone"
    result = json.loads((tmp_path / "one" / "result.json").read_text())
    assert (result["length"], result["unit"], result["scored"]) == (3, "epochs", "variance explained (R2)")
    assert result["before"] == pytest.approx(json.loads((finished / "result.json").read_text())["test_r2"], abs=0.05)
    assert result["after"] < result["before"] - 0.3
    assert list(result["learners"]) == ["pib", "frozen", "backprop-stale"]
    for name, course in result["learners"].items():
        assert course["final"] > result["after"] + 0.2
        assert json.loads((tmp_path / "one" / name / "result.json").read_text())["test_r2"] == course["final"]
    assert (tmp_path / "one" / "adapt.png").read_bytes().startswith(b"\x89PNG")


def test_values_of_a_csv_are_read_and_a_fifth_is_held_out(tmp_path):
    path = tmp_path / "some.csv"
    path.write_text("a,b,value\n" + "".join(f"{n},{n % 7},{n / 4}\n" for n in range(50)))
    found = data.load(str(path), real=True)
    assert (found.x_train.shape, found.y_train.shape, found.x_test.shape) == ((40, 2), (40,), (10, 2))
    assert np.allclose(found.y_train, found.x_train[:, 0] / 4)
    assert np.allclose(found.y_test, found.x_test[:, 0] / 4)


def save(path, **changes):
    (x, y), (x_test, y_test) = waves(60, 0), waves(9, 1)
    np.savez(path, **{"x_train": x, "y_train": y, "x_test": x_test, "y_test": y_test} | changes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"y_train": np.array(["a"] * 60)}, "y_train must hold real values: could not convert"),
        ({"y_train": np.full(60, np.nan)}, "(NaN: fill in what is missing)"),
        (
            {"y_train": waves(60, 0)[1][:50]},
            "y_train must hold values of each sample, shape (60,) or (60, k), got (50, 2)",
        ),
        ({"y_test": waves(9, 0)[1][:, 0]}, "must hold as many values of each sample"),
        ({"y_train": np.ones((60, 2))}, "the values of all training samples are the same"),
        ({"x_test": np.ones((1, 4)), "y_test": np.ones((1, 2))}, "2 test samples or more, got 1"),
    ],
)
def test_mistakes_end_in_one_line_with_code_2(changes, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    save("bad.npz", **changes)
    assert words in stops(learn, ["bad.npz", *SMALL], monkeypatch, capsys)


def test_data_without_values_and_too_few_lines_are_refused(tmp_path):
    save(tmp_path / "a.npz")
    np.savez(tmp_path / "bare.npz", x_train=waves(60, 0)[0])
    with pytest.raises(UserError, match="hold no values to learn"):
        learn.main([str(tmp_path / "bare.npz"), *SMALL])
    (tmp_path / "few.csv").write_text("1,2.5\n" * 9)
    with pytest.raises(UserError, match="9 samples are too few; give 10 or more"):
        data.load(str(tmp_path / "few.csv"), real=True)


def test_policies_do_not_go_on_from_units_that_learned_values(finished):
    with pytest.raises(UserError, match="its units learned from labels"):
        chip_of(RunFolder(finished))
