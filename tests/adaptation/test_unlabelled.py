"""python -m pib_rl.adapt for runs without labels: a probe that is fit anew, the probe of before, the decoder."""

from __future__ import annotations

import csv
import json
import shutil

import numpy as np
import pytest

from pib_rl import adapt, learn
from pib_rl.adaptation import figures
from pib_rl.adaptation.config import AdaptConfig
from pib_rl.adaptation.encoders import EncoderRecovery
from pib_rl.adaptation.recovery import RecoveryCurve
from pib_rl.adaptation.run import open_run
from pib_rl.agents.estimators.encoder import PIBEncoder
from pib_rl.cli.cli import UserError
from pib_rl.learning import data, probes
from pib_rl.learning.views import ViewsTask
from pib_rl.runs.folder import RunFolder

LEARNERS = ["pib", "frozen", "backprop-stale"]
SMALL = ["--target", "views", "--width", "8", "--units", "2", "--seed", "3", "--no-progress"]
FAULT = ["--fault", "stuck:0.5", "--no-progress"]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "encoder"
    learn.main(["digits", "--hw", "memristive", "--epochs", "8", *SMALL, "--out", str(folder)])
    return folder


@pytest.fixture(scope="module")
def adapted(tmp_path_factory, encoder):
    folder = tmp_path_factory.mktemp("adapted") / "one"
    adapt.main([str(encoder), *FAULT, "--out", str(folder)])
    return folder


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """A log without labels or test samples, and an encoder that learned from it."""
    folder = tmp_path_factory.mktemp("bare")
    x = np.random.default_rng(0).normal(size=(200, 3)) @ np.random.default_rng(1).normal(size=(3, 6))
    np.savez(folder / "log.npz", x_train=x, x_next=x + 0.1)
    learn.main([str(folder / "log.npz"), "--hw", "memristive", "--epochs", "20", *SMALL, "--out", str(folder / "run")])
    return folder / "run"


def patient(run_folder, **options) -> EncoderRecovery:
    """A patient after its fault."""
    found = open_run(AdaptConfig(run=run_folder, fault=("stuck:0.5",), progress=False, **options))
    assert isinstance(found, EncoderRecovery)
    found.apply_faults(found.load())
    return found


def test_a_probe_tells_what_features_are_worth_and_the_old_one_what_is_left_for_its_owner(adapted, encoder, capsys):
    result = json.loads((adapted / "result.json").read_text())
    assert (result["unit"], result["length"], result["scored"]) == ("epochs", 2, "linear probe accuracy")
    known = json.loads((encoder / "result.json").read_text())
    assert result["before"] == pytest.approx(known["probe_accuracy"], abs=0.03), "as the run reports it"
    assert 0.5 < result["after"] <= result["before"]
    assert result["after_old_probe"] < result["after"] - 0.2, "features are others"
    assert list(result["learners"]) == LEARNERS
    for name, course in result["learners"].items():
        assert [point[0] for point in course["curve"]] == [0, 1, 2]
        assert course["final"] > course["final_old_probe"] + 0.2
        rows = list(csv.DictReader((adapted / name / "progress.csv").open()))
        assert [float(row["validation_probe_accuracy"]) for row in rows] == [point[1] for point in course["curve"][1:]]
        own = json.loads((adapted / name / "result.json").read_text())
        assert own["probe_accuracy"] == course["final"]
        assert own["validation_score"] == float(rows[-1]["validation_score"])
        assert course["counts"]["measurements"] == 2 * (5 * 256 * 2) * 3 + 1024 * 2, "lessons and recalibration alone"
    assert (adapted / "adapt.png").read_bytes().startswith(b"\x89PNG")
    adapt.show(RunFolder(adapted))
    assert "old probe" in capsys.readouterr().out


def test_the_probe_is_fit_anew_and_the_old_one_is_kept(encoder):
    found = patient(encoder)
    model = found.loaded
    assert isinstance(model, PIBEncoder)
    model.set_params(read="mean")
    known, seen = model.transform(found.fitted.x), model.transform(found.data.x_test)
    assert found.evaluate() == probes.probe(known, found.fitted.y, seen, found.data.y_test)
    assert found.evaluate_heldout() == probes.probe(known, found.fitted.y, model.transform(found.held.x), found.held.y)
    assert found.tested_with_old_probe(model) == found.old_probe.score(seen, found.data.y_test)
    model.model_.load_state_dict(found.healthy)
    assert found.tested_with_old_probe(model) == pytest.approx(found.before, abs=0.03), "right when healthy"


def test_test_samples_are_not_looked_at_meanwhile(encoder, tmp_path, monkeypatch):
    test, fit, read = data.load("digits").x_test, PIBEncoder.fit, PIBEncoder.transform
    order = []
    monkeypatch.setattr(
        PIBEncoder,
        "fit",
        lambda self, *args, **extra: (order.append("fit"), fit(self, *args, **extra), order.append("fitted"))[1],
    )
    monkeypatch.setattr(
        PIBEncoder,
        "transform",
        lambda self, x: (order.append("test") if np.array_equal(x, test) else None, read(self, x))[1],
    )
    adapt.main([str(encoder), *FAULT, "--learner", "frozen", "--out", str(tmp_path / "one")])
    assert order == ["test", "test", "test", *["fit", "fitted", "test", "test"] * 2]


def test_labels_teach_nobody_anything(encoder, tmp_path):
    found, finals = data.load("digits"), []
    for number, shuffle in enumerate((slice(None), slice(None, None, -1))):
        path = tmp_path / f"{number}.npz"
        np.savez(
            path,
            x_train=found.x_train.reshape(-1, 8, 8),
            y_train=found.y_train[shuffle],
            x_test=found.x_test.reshape(-1, 8, 8),
            y_test=found.y_test,
        )
        adapt.main(
            [str(encoder), *FAULT, "--learner", "frozen", "--data", str(path), "--out", str(path.with_suffix(""))]
        )
        finals.append((path.with_suffix("") / "pib" / "policy.safetensors").read_bytes())
    assert finals[0] == finals[1]


def test_without_labels_the_decoder_is_judged(bare, tmp_path, capsys):
    found = patient(bare)
    known = json.loads((bare / "result.json").read_text())
    assert found.scored == ViewsTask.scored
    assert found.before == pytest.approx(known["validation_score"], abs=0.1)
    assert found.before == pytest.approx(found.held_before)
    adapt.main([str(bare), *FAULT, "--epochs", "8", "--learner", "frozen", "--out", str(tmp_path / "one")])
    result = json.loads((tmp_path / "one" / "result.json").read_text())
    assert "after_old_probe" not in result
    assert result["after"] < result["before"] - 0.3
    for name in ("pib", "frozen"):
        course = result["learners"][name]
        assert "final_old_probe" not in course
        assert course["final"] > result["after"] + 0.2
        assert course["final"] == course["curve"][-1][1]
    assert "old probe" not in capsys.readouterr().out


def test_the_axis_of_a_share_ends_where_there_is_nothing_to_tell():
    for lowest, shown in ((-12.0, -100), (0.2, None)):
        figure = figures.recovery_figure(
            {"pib": RecoveryCurve(0.9, [(0, lowest), (1, 0.9)])}, 0.95, "epochs", "R2", "title", True
        )
        bottom, top = figure.axes[0].get_ylim()
        assert bottom == shown if shown else 0 < bottom < 20
        assert 95 < top < 110


def test_a_run_of_an_unknown_target_is_named(encoder, tmp_path):
    shutil.copytree(encoder, tmp_path / "copy")
    path = tmp_path / "copy" / "config.yaml"
    path.write_text(path.read_text().replace("target: views", "target: magic"))
    with pytest.raises(UserError, match="unknown target, 'magic'; known: labels, values, views"):
        open_run(AdaptConfig(run=tmp_path / "copy", fault=("stuck:0.5",)))
