"""python -m pib_rl.learn, in this process: run folders, data of every kind, and a user's mistakes."""

from __future__ import annotations

import csv
import json
from urllib.error import URLError

import numpy as np
import pytest
from one_line import stops
from safetensors.torch import load_file

from pib_rl import learn
from pib_rl.cli.cli import UserError
from pib_rl.learning import data, figures, labels, probes
from pib_rl.learning.data import openml
from pib_rl.learning.labels import LabelsTask
from pib_rl.runs.folder import RunFolder

SMALL = ["--width", "16", "--units", "2", "--epochs", "3", "--no-progress"]
FILES = {
    "config.yaml",
    "policy.safetensors",
    "result.json",
    "progress.csv",
    "learning_curve.png",
    "information_plane.png",
    "confusion.png",
    "hardware.png",
    "features.png",
}
KEYS = {
    "data",
    "hw",
    "target",
    "learner",
    "seed",
    "epochs",
    "train_samples",
    "test_samples",
    "validation_accuracy",
    "test_accuracy",
    "test_accuracy_noiseless",
    "probe_accuracy",
    "knn_accuracy",
    "nmi",
    "measurements",
    "writes",
    "wall_s",
    "devices",
}


def blobs(n: int, features: int = 4, seed: int = 0):
    generator = np.random.default_rng(seed)
    y = np.arange(n) % 3
    return generator.normal(size=(n, features)) + 3 * np.eye(3, features)[y], y


@pytest.fixture(scope="module")
def npz(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "small.npz"
    (x, y), (x_test, y_test) = blobs(120, 16), blobs(60, 16, 1)
    grey = [np.clip(40 * part + 100, 0, 255).astype(np.uint8).reshape(-1, 4, 4) for part in (x, x_test)]
    np.savez(path, x_train=grey[0], y_train=y, x_test=grey[1], y_test=y_test)
    return path


@pytest.fixture(scope="module")
def finished(tmp_path_factory, npz):
    folder = tmp_path_factory.mktemp("runs") / "one"
    learn.main([str(npz), *SMALL, "--epochs", "20", "--hw", "optical", "--seed", "3", "--out", str(folder)])
    return folder


def test_run_folder_is_complete_and_without_pickle(finished):
    assert {path.name for path in finished.iterdir()} == FILES
    result = json.loads((finished / "result.json").read_text())
    assert result.keys() >= KEYS
    assert (result["hw"], result["learner"], result["target"], result["seed"]) == ("optical", "pib", "labels", 3)
    assert (result["train_samples"], result["test_samples"], result["epochs"]) == (108, 60, 20)
    for key in ("test_accuracy", "probe_accuracy", "knn_accuracy", "nmi", "validation_accuracy"):
        assert 0.5 < result[key] <= 1
    assert result["measurements"] == 20 * 108 * 3 + 108 * 2  # lessons and calibration; looking on is not counted
    state = load_file(finished / "policy.safetensors")
    assert all(value.is_floating_point() and value.numel() for value in state.values())
    for picture in finished.glob("*.png"):
        assert picture.read_bytes().startswith(b"\x89PNG")


def test_progress_has_a_row_per_epoch_with_information(finished):
    rows = list(csv.DictReader((finished / "progress.csv").open()))
    assert [row["epoch"] for row in rows] == [str(epoch) for epoch in range(1, 21)]
    assert float(rows[-1]["information/target_unit1"]) > float(rows[0]["information/target_unit1"])
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])


def test_who_looks_every_second_epoch_learns_the_same_and_gets_rows_of_these(tmp_path, npz):
    states = []
    for name, options in (("each", []), ("second", ["--look-every", "2"])):
        learn.main([str(npz), *SMALL, "--hw", "memristive", "--out", str(tmp_path / name), *options])
        states.append(load_file(tmp_path / name / "policy.safetensors"))
    assert all(np.array_equal(value, states[1][key]) for key, value in states[0].items())
    rows = list(csv.DictReader((tmp_path / "second" / "progress.csv").open()))
    assert [row["epoch"] for row in rows] == ["2", "3"]
    assert all(row["validation_accuracy"] for row in rows)
    assert json.loads((tmp_path / "second" / "result.json").read_text())["epochs"] == 3


def test_looking_on_does_not_change_what_is_learned(tmp_path, npz, monkeypatch):
    states = []
    for looks in (
        LabelsTask.evaluate_heldout,
        lambda *_: {"validation_accuracy": 1.0, "information/input_unit1": 1.0, "information/target_unit1": 1.0},
    ):
        monkeypatch.setattr(LabelsTask, "evaluate_heldout", looks)
        folder = tmp_path / str(len(states))
        learn.main([str(npz), *SMALL, "--hw", "memristive", "--out", str(folder)])
        states.append(load_file(folder / "policy.safetensors"))
    assert all(np.array_equal(value, states[1][key]) for key, value in states[0].items())


def test_finished_run_is_shown_not_repeated(finished, npz, capsys):
    before = {path.name: path.stat().st_mtime_ns for path in finished.iterdir()}
    learn.main([str(npz), *SMALL, "--epochs", "20", "--hw", "optical", "--seed", "3", "--out", str(finished)])
    assert "finished" in capsys.readouterr().out
    assert before == {path.name: path.stat().st_mtime_ns for path in finished.iterdir()}
    with pytest.raises(UserError, match=r"another configuration \(seed differ"):
        learn.main([str(npz), *SMALL, "--epochs", "20", "--hw", "optical", "--seed", "4", "--out", str(finished)])


def test_a_damaged_result_is_named(tmp_path):
    (tmp_path / "result.json").write_text('{"data": "digits"}')
    with pytest.raises(UserError, match=r"is damaged \(kind, hw, target, learner, seed"):
        learn.show(RunFolder(tmp_path))


@pytest.mark.parametrize("learner", ["frozen", "dfa"])
def test_digits_are_bundled_and_learners_run(learner, tmp_path):
    learn.main([*SMALL, "--learner", learner, "--out", str(tmp_path / "run")])
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert (result["data"], result["learner"], result["test_samples"]) == ("digits", learner, 360)
    assert result["test_accuracy"] > 0.6


def test_patch_units_see_squares(npz, tmp_path):
    arguments = [str(npz), *SMALL, "--patches", "4:2:1", "3:2:2", "--hw", "optical", "--out", str(tmp_path / "run")]
    learn.main(arguments)
    learn.main(arguments)  # the same again: shown, not refused
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["measurements"] == (3 * (16 + 4 + 2 + 1) + 16 + 4 + 2) * 108


def small(path, **changes):
    x, y = blobs(60)
    arrays = {"x_train": x, "y_train": y, "x_test": x[:9], "y_test": y[:9]} | changes
    np.savez(path, **arrays)
    return str(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"x_train": np.zeros((60, 4)), "x_test": np.zeros((9, 4))},  # nothing to tell apart
        {"x_test": blobs(1)[0], "y_test": blobs(1)[1]},
        {"y_train": np.array(["$a_$", "b", "c" * 90])[blobs(60)[1]], "y_test": np.array(["$a_$"] * 9)},
        {"x_train": blobs(60, 27)[0].reshape(-1, 3, 3, 3), "x_test": blobs(9, 27)[0].reshape(-1, 3, 3, 3)},
        {"y_train": blobs(60)[1] > 1, "y_test": blobs(9)[1] > 1},
    ],
)
def test_unusual_data_get_through(changes, tmp_path, recwarn):
    data_file = small(tmp_path / "some $data.npz", **changes)
    learn.main([data_file, *SMALL, "--width", "1", "--units", "1", "--out", str(tmp_path / "run [b]")])
    assert (tmp_path / "run [b]" / "result.json").is_file()
    assert [str(warning.message) for warning in recwarn] == []


def test_a_training_that_diverges_says_so(npz, tmp_path):
    rule = ["--rule", "hidden_rate=1e38", "learning_rate=1e38"]
    with pytest.raises(UserError, match=r"diverged: .*finite.*; lower (learning_rate or )?hidden_rate"):
        learn.main([str(npz), *SMALL, *rule, "--out", str(tmp_path / "run")])


def test_probe_knows_one_class_and_pictures_of_few():
    x = np.eye(3)
    assert probes.probe(x, np.zeros(3), x, np.array([0, 0, 1])) == pytest.approx(2 / 3)
    assert figures.placed(np.eye(3), 0).shape == (3, 2)


def test_test_samples_are_looked_at_once_and_after_training(npz, tmp_path, monkeypatch):
    order, fit, predict = [], labels.PIBClassifier.fit, labels.PIBClassifier.predict
    test = data.load(str(npz)).x_test
    monkeypatch.setattr(
        labels.PIBClassifier,
        "fit",
        lambda self, *args, **extra: (order.append("fit"), fit(self, *args, **extra), order.append("fitted"))[1],
    )
    monkeypatch.setattr(
        labels.PIBClassifier,
        "predict",
        lambda self, x: (order.append("test") if np.array_equal(x, test) else None, predict(self, x))[1],
    )
    learn.main([str(npz), *SMALL, "--out", str(tmp_path / "run")])
    assert order == ["fit", "fitted", "test", "test"]  # as it is, and with the read noise off


@pytest.mark.parametrize("header", [True, False])
def test_csv_files_have_the_label_last(tmp_path, header):
    x, y = blobs(60)
    lines = (["a,b,c,d,kind"] if header else []) + [
        ",".join([*map(str, row), "xyz"[label]]) for row, label in zip(x, y, strict=True)
    ]
    (tmp_path / "some.csv").write_text("\n".join(lines) + "\n")
    found = data.load(str(tmp_path / "some.csv"))
    assert found.x_train.shape == (48, 4)
    assert sorted(set(found.y_test)) == ["x", "y", "z"]
    learn.main([str(tmp_path / "some.csv"), *SMALL, "--out", str(tmp_path / "run")])
    assert "some" in learn.LearnConfig(data=str(tmp_path / "some.csv")).stem


def test_names_of_openml_are_fetched_and_mnist_keeps_its_own_test_images(monkeypatch):
    class Bundle:
        data, target = np.zeros((70_000, 784), dtype=np.uint8), np.arange(70_000) % 10

    asked = []
    monkeypatch.setattr(openml, "fetch_openml", lambda name, **_: (asked.append(name), Bundle)[1])
    found = data.load("mnist")
    assert asked == ["mnist_784"]
    assert (len(found.x_train), len(found.x_test), found.image) == (60_000, 10_000, (28, 28))
    assert np.array_equal(found.y_test, Bundle.target[60_000:])
    Bundle.data, Bundle.target = blobs(100)
    assert len(data.load("vehicles").x_test) == 20


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (URLError("no route"), "OpenML can't be reached"),
        (ValueError("No known dataset"), "no numeric data named 'digit'"),
    ],
)
def test_a_missing_cache_and_an_unknown_name_are_told_apart(monkeypatch, error, words):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(openml, "fetch_openml", fail)
    with pytest.raises(UserError, match=words):
        data.load("digit")


def spoilt(npz, **changes):
    with np.load(npz) as file:
        return {key: changes.get(key, file[key]) for key in file} | changes


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["none.npz"], "there is no file none.npz"),
        (["none.csv"], "there is no file none.csv"),
        (["thesis.txt"], "neither .npz nor .csv"),
        (["broken.npz"], "can't be read as .npz"),
        (["lacking.npz"], "lacks y_test"),
        (["bare.npz"], "hold no labels; give some, or choose --target views"),
        (["bare.npz", "--target", "views", "--views", "bend=-1"], "the views' bend must be 0 or more, got -1"),
        (["bare.npz", "--target", "views", "--views", "bnd=1"], "did you mean bend"),
        (["flat.csv", "--target", "views", "--views", "bend=1"], "a view of vectors has no option 'bend'"),
        (["good.npz", "--views", "bend=-1"], "the views' bend must be 0 or more, got -1"),
        (["good.npz", "--target", "view"], "--target"),
        (["good.npz", "--target", "views", "--objective", "gaussian"], "can't tell views apart"),
        (["tiny.npz", "--target", "views"], "3 training samples are too few; give 4 or more"),
        (["good.npz", "--objective-options", "ridge=0"], "ridge must be > 0"),
        (["short.npz"], "y_train must hold a label per sample, shape (120,), got (119,)"),
        (["other.npz"], "with the same features, got (120, 4, 4) and (60, 5)"),
        (["words.npz"], "x_train must hold real numbers"),
        (["hole.npz"], "NaN"),
        (["new.npz"], "y_test holds the label 7, which y_train lacks"),
        (["alone.npz"], "one class"),
        (["ragged.csv"], "line 2 has 2 columns, the first one has 3"),
        (["words.csv"], "features must be numbers, but line 2, column 2 is 'four'"),
        (["unnamed.csv"], "line 2 has no label"),
        (["real.csv"], "has the real value 0.5"),
        (["real.npz"], "y_train must hold classes, whole numbers or words, but has the real value 0.25"),
        (["endless.npz"], "but has the real value inf"),
        (["complex.npz"], "x_train must hold real numbers, got complex128"),
        (["huge.npz"], "x_test must hold finite numbers of 32 bits: sample 1, feature 2 is 1e+300"),
        (["objects.npz"], "it holds Python objects"),
        (["single.npz"], "holds one array only"),
        (["rare.npz"], "class 7 has 1"),
        (["void.npz"], "x_test holds no samples"),
        (["my data"], "neither a file nor a name of OpenML"),
        (["x" * 300 + ".npz"], "cannot read"),
        (["empty.csv"], "must hold lines of features and a label"),
        (["few.csv"], "can't be held out for testing: class a has one sample only"),
        (["crowded.csv"], "can't be held out for testing: 8 samples of 4 classes are too few"),
        (["scalar.npz"], "x_train and x_test must be (n, features)"),
        (["imaginary.npz"], "must hold classes, whole numbers or words, got complex128"),
        (["prose.npz"], "it is not what numpy.savez writes"),
        (["packed.npz"], "can't be read as .npz"),
        (["good.npz", "--objective-options", "tau=0.2"], "objective 'ridge' has no option 'tau'"),
        (["good.npz", "--patches", "3:2:1", "--objective-options", "beta=0.1"], "beta must be 0 with patches"),
        (["good.npz", "--out", "n" * 300], "File name too long"),
        (["good.npz", "--hw", "optcal"], "optical"),
        (["good.npz", "--learner", "frozn"], "frozen"),
        (["good.npz", "--learner", "es"], "can't learn from data"),
        (["good.npz", "--objective", "ridg"], "ridge"),
        (["good.npz", "--epochs", "0"], "--epochs must be 1 or more, got 0"),
        (["good.npz", "--epochs", "abc"], "--epochs must be a whole number, got 'abc'; see"),
        (["good.npz", "--width", "1.5"], "--width must be a whole number, got '1.5'; see"),
        (["good.npz", "--patches", "3:5"], "CHANNELS:SIZE:STRIDE, such as 32:5:2, got '3:5'"),
        (["good.npz", "--patches", "3:9:1"], "a patch of 9 pixels does not fit an image of 4 x 4"),
        (["good.npz", "--patches", "3:2:1", "--learner", "forward-forward"], "leave out patches"),
        (["ragged.csv", "--patches", "x"], "CHANNELS:SIZE:STRIDE"),
        (["flat.csv", "--patches", "3:2:1"], "--patches needs images"),
        (["good.npz", "--look-every", "0"], "--look-every must be 1 or more, got 0"),
        (["good.npz", "--batch-size", "2"], "--batch-size must be 4 or more, got 2"),
        (["good.npz", "--rule", "hidden_rat=1"], "hidden_rate"),
        (["good.npz", "--hw-options", "stuck"], "NAME=VALUE"),
        (["good.npz", "--device", "abacus"], "cpu, cuda or cuda:N"),
        (["good.npz", "--epoch", "2"], "--epochs"),
    ],
)
def test_mistakes_end_in_one_line_with_code_2(arguments, words, tmp_path, npz, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "thesis.txt").write_text("years of work")
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 nothing")
    (tmp_path / "ragged.csv").write_text("1,2,a\n3,b\n")
    (tmp_path / "words.csv").write_text("1,2,a\n3,four,b\n")
    (tmp_path / "unnamed.csv").write_text("1,2,a\n3,4,\n")
    (tmp_path / "real.csv").write_text("1,2,0.5\n3,4,1.25\n")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "flat.csv").write_text("".join(f"{n * 3 % 11},{n * n % 7},{'ab'[n % 2]}\n" for n in range(30)))
    (tmp_path / "few.csv").write_text("1,2,a\n3,4,b\n")
    (tmp_path / "crowded.csv").write_text("".join(f"{sample},2,{sample % 4}\n" for sample in range(8)))
    (tmp_path / "prose.npz").write_text("hello")
    good = spoilt(npz)
    hole = good["x_train"].astype(float)
    hole[2, 1, 1] = np.nan
    np.savez("good.npz", **good)
    np.savez("lacking.npz", **{key: value for key, value in good.items() if key != "y_test"})
    np.savez("bare.npz", x_train=good["x_train"])
    np.savez("tiny.npz", x_train=good["x_train"][:3])
    np.savez("short.npz", **spoilt(npz, y_train=good["y_train"][:-1]))
    np.savez("other.npz", **spoilt(npz, x_test=np.zeros((60, 5))))
    np.savez("words.npz", **spoilt(npz, x_train=np.full((120, 4, 4), "a")))
    np.savez("new.npz", **spoilt(npz, y_test=np.full(60, 7)))
    np.savez("hole.npz", **spoilt(npz, x_train=hole))
    np.savez("alone.npz", **spoilt(npz, y_train=np.zeros(120, dtype=int), y_test=np.zeros(60, dtype=int)))
    np.savez("real.npz", **spoilt(npz, y_train=good["y_train"] + 0.25))
    np.savez("endless.npz", **spoilt(npz, y_train=np.r_[np.inf, good["y_train"][1:]]))
    np.savez("complex.npz", **spoilt(npz, x_train=good["x_train"] * 1j))
    huge = good["x_test"].astype(float)
    huge[0, 0, 1] = 1e300
    np.savez("scalar.npz", x_train=np.float32(3))
    np.savez("imaginary.npz", **spoilt(npz, y_train=good["y_train"] * 1j))
    content = bytearray((tmp_path / "good.npz").read_bytes())
    content[content.index(b"PK\x01\x02") + 10] = 99  # a way to pack files that nobody knows
    (tmp_path / "packed.npz").write_bytes(content)
    np.savez("huge.npz", **spoilt(npz, x_test=huge))
    np.savez("objects.npz", **spoilt(npz, y_train=np.array([None] * 120)))
    np.savez("rare.npz", **spoilt(npz, y_train=np.r_[good["y_train"][:-1], 7]))
    np.savez("void.npz", **spoilt(npz, x_test=good["x_test"][:0], y_test=good["y_test"][:0]))
    with open("single.npz", "wb") as file:
        np.save(file, good["x_train"])
    before = sorted(path.name for path in tmp_path.iterdir())
    assert words in stops(learn, arguments, monkeypatch, capsys)
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_run_interrupted_while_it_is_judged_keeps_the_training(npz, tmp_path, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(probes, "neighbours", stop)
    with pytest.raises(
        UserError,
        match=r"interrupted; stopped in its evaluation, the training is done: .*learn --resume .*run evaluates",
    ):
        learn.main([str(npz), *SMALL, "--out", str(tmp_path / "run")])
    left = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"policy.safetensors", "progress.csv", "learning_curve.png"} <= left
    assert "result.json" not in left


def test_an_interrupted_run_leaves_the_network_so_far(npz, tmp_path, monkeypatch):
    look, calls = LabelsTask.evaluate_heldout, []

    def stop(*arguments):
        calls.append(None)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return look(*arguments)

    monkeypatch.setattr(LabelsTask, "evaluate_heldout", stop)
    with pytest.raises(UserError, match=r"interrupted; stopped after epoch 1: .*learn --resume .*run goes on"):
        learn.main([str(npz), *SMALL, "--out", str(tmp_path / "run")])
    assert (tmp_path / "run" / "checkpoints").is_dir()
    assert not (tmp_path / "run" / "result.json").exists()
