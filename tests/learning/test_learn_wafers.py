"""python -m pib_rl.learn --chips N: what a wafer's run leaves, and a user's mistakes."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from safetensors.torch import load_file

from pib_rl import adapt, learn
from pib_rl.adaptation.config import AdaptConfig
from pib_rl.adaptation.run import open_run
from pib_rl.agents.network.wafer import chip_state
from pib_rl.cli.cli import UserError
from pib_rl.learning import room
from pib_rl.learning.config import LearnConfig
from pib_rl.learning.labels import LabelsTask
from pib_rl.learning.run import prepare

CHIPS, SEED, EPOCHS = 3, 4, 3
SMALL = ["--hw", "memristive", "--width", "8", "--units", "2", "--epochs", str(EPOCHS), "--no-progress"]
WAFER = [*SMALL, "--chips", str(CHIPS), "--seed", str(SEED)]
FAULTS = ["--fault", "stuck:0..0.6@1", "drift:10@2"]
VALIDATED = {"labels": "validation_accuracy", "values": "validation_r2", "views": "validation_score"}
TESTED = {"labels": ["test_accuracy", "test_accuracy_noiseless"], "values": ["test_r2", "test_r2_noiseless"]}


@pytest.fixture(scope="module")
def npz(tmp_path_factory):
    path, generator = tmp_path_factory.mktemp("data") / "blobs.npz", np.random.default_rng(0)
    y = np.arange(180) % 3
    x = (generator.normal(size=(180, 16)) + 2 * np.eye(3, 16)[y]).reshape(-1, 4, 4)
    np.savez(path, x_train=x[:120], y_train=y[:120], x_test=x[120:], y_test=y[120:])
    return path


@pytest.fixture(scope="module", params=["labels", "values", "views"])
def finished(request, tmp_path_factory, npz):
    pytest.importorskip("torch.utils.tensorboard")
    folder = tmp_path_factory.mktemp("runs") / request.param
    learn.main([str(npz), *WAFER, *FAULTS, "--target", request.param, "--tensorboard", "--out", str(folder)])
    return folder


@pytest.fixture(scope="module")
def labels(tmp_path_factory, npz):
    folder = tmp_path_factory.mktemp("runs") / "wafer"
    learn.main([str(npz), *WAFER, "--epochs", "8", "--out", str(folder)])
    return folder


def table(folder, name):
    return [{key: float(value) for key, value in row.items()} for row in csv.DictReader((folder / name).open())]


def test_a_row_per_chip_adds_up_to_the_result(finished):
    rows, result = table(finished, "chips.csv"), json.loads((finished / "result.json").read_text())
    target = result["target"]
    assert [(row["chip"], row["seed"], row["stuck"]) for row in rows] == [(0, 4, 0.0), (1, 5, 0.3), (2, 6, 0.6)]
    for name in [*TESTED.get(target, []), VALIDATED[target]]:
        assert np.mean([row[name] for row in rows]) == pytest.approx(result[name]), name
    assert f"{VALIDATED[target]}_noiseless" in rows[0]
    assert "drift" not in rows[0]
    for name in ("writes", "energy_j"):
        assert sum(row[name] for row in rows) == pytest.approx(result[name])
    finals = [row[TESTED.get(target, [VALIDATED[target]])[0]] for row in rows]
    assert result["chips"] == CHIPS
    assert result["chips_median"] == pytest.approx(np.median(finals))
    assert (result["worst_chip"], result["worst_chip_mean"]) == (np.argmin(finals), pytest.approx(min(finals)))
    assert result["faults"][0] == {"kind": "stuck", "size": 0.0, "last": 0.6, "epoch": 1}
    assert result["faults"][1] == {"kind": "drift", "size": 10.0, "epoch": 2}
    assert result["writes_max_per_device"] == max(row["writes_max_per_device"] for row in rows)


def test_curves_of_the_chips_have_the_mean_that_progress_shows(finished):
    curves, progress = table(finished, "chip_curves.csv"), table(finished, "progress.csv")
    validated = next(name for name in VALIDATED.values() if name in progress[0])
    assert [row["epoch"] for row in curves] == list(range(1, EPOCHS + 1))
    for row, log in zip(curves, progress, strict=True):
        scores = [row[f"chip{chip}"] for chip in range(CHIPS)]
        assert np.mean(scores) == pytest.approx(log[validated])
    assert len({curves[-1][f"chip{chip}"] for chip in range(CHIPS)}) > 1


def test_the_run_folder_has_its_pictures(finished):
    names = {path.name for path in finished.iterdir()}
    assert names >= {"yield.png", "learning_curve.png", "information_plane.png", "hardware.png", "tensorboard"}
    assert (finished / "yield.png").read_bytes().startswith(b"\x89PNG")


def test_the_table_names_the_worst_chip(labels, npz, capsys):
    learn.main([str(npz), *WAFER, "--epochs", "8", "--out", str(labels)])
    said, result = capsys.readouterr().out, json.loads((labels / "result.json").read_text())
    assert "means over 3 chips" in said
    assert f"worst {100 * result['worst_chip_mean']:.2f} % (chip {result['worst_chip']})" in said


def test_features_of_a_large_wafer_are_judged_on_some_chips(monkeypatch, tmp_path, npz):
    monkeypatch.setattr("pib_rl.learning.task.JUDGED", 2)
    asked, of_chip = [], LabelsTask.kind.of_chip
    monkeypatch.setattr(LabelsTask.kind, "of_chip", lambda self, chip: asked.append(chip) or of_chip(self, chip))
    learn.main([str(npz), *WAFER, "--out", str(tmp_path / "run")])
    assert asked == [0, 0, 2]  # pictures, then features


def test_a_wafer_that_does_not_fit_is_refused_before_it_is_made(monkeypatch, npz, tmp_path):
    monkeypatch.setattr(room, "chip_bytes", lambda *_: 3e8)
    monkeypatch.setattr("pib_rl.cli.room.free_bytes", lambda device: 1e9)
    with pytest.raises(UserError, match=r"--chips 4 need about 1\.2 GB and 1\.0 GB are free; at most 3 chips fit"):
        learn.main([str(npz), *SMALL, "--chips", "4", "--out", str(tmp_path / "run")])
    assert not (tmp_path / "run").exists()


def test_the_estimate_grows_with_what_a_chip_holds(npz):
    def estimate(width, batch, tested):
        run = prepare(LearnConfig(data=str(npz), width=width, batch_size=batch))
        return room.chip_bytes(run.model, batch, tested)

    small = estimate(8, 64, 100)
    assert small < estimate(512, 64, 100)
    assert small < estimate(8, 4096, 100)
    assert small < estimate(8, 64, 10**6)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--chips", "0"], "--chips must be 1 or more, got 0"),
        (["--chips", "2", "--learner", "backprop"], "trains one chip at a time, got 2 chips"),
        (["--fault", "stuck:0.1..0.5"], "has a size per chip, and there is one chip; give one size, or more chips"),
    ],
)
def test_mistakes_are_named(options, words, npz):
    with pytest.raises(UserError, match=words):
        learn.main([str(npz), *SMALL, *options])


def test_one_chip_of_a_wafer_adapts(labels, tmp_path, capsys):
    rows = table(labels, "chips.csv")
    common = [str(labels), "--fault", "stuck:0.3", "--epochs", "1", "--no-progress", "--learner", "frozen"]
    for number, chip in enumerate(([], ["--chip", "2"])):
        adapt.main([*common, *chip, "--out", str(tmp_path / str(number))])
        result = json.loads((tmp_path / str(number) / "result.json").read_text())
        assert (result["chip"], result["seed"]) == (2 * number, SEED + 2 * number)
        assert result["before"] == pytest.approx(rows[2 * number]["test_accuracy"], abs=0.05)
    with pytest.raises(UserError, match="holds a run with another configuration"):
        adapt.main([*common, "--chip", "1", "--out", str(tmp_path / "1")])
    with pytest.raises(UserError, match=r"--chip must be in 0\.\.2, the chips of .*, got 3"):
        adapt.main([*common, "--chip", "3"])
    with pytest.raises(UserError, match="has a size per chip, and there is one chip"):
        adapt.main([str(labels), "--fault", "stuck:0..0.3"])


def test_an_adapting_chip_is_the_one_of_the_wafer_and_holds_out_what_the_run_did(labels):
    found = open_run(AdaptConfig(run=labels, fault=("stuck:0.3",), chip=1))
    chip, whole = found.load(), load_file(labels / "policy.safetensors")
    own = chip.state_dict()
    for name, value in chip_state(whole, own, 1).items():
        assert np.array_equal(own[name], value), name
    held = LabelsTask(LearnConfig(data=found.task.data, seed=SEED)).hold_out(found.data)[1]
    assert np.array_equal(found.held.x, held.x)
