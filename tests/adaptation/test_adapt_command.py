"""python -m pib_rl.adapt, in this process: one broken chip, several who go on from it, and a user's mistakes."""

from __future__ import annotations

import csv
import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file

from pib_rl import adapt, learn, play, train
from pib_rl.adaptation import policies
from pib_rl.adaptation.config import AdaptConfig
from pib_rl.adaptation.run import open_run
from pib_rl.agents.estimators.supervised import PIBClassifier
from pib_rl.agents.learners.backprop import Backprop
from pib_rl.agents.network.model import own_state
from pib_rl.cli.cli import UserError, run
from pib_rl.common.streams import FABRICATION, FAULT
from pib_rl.learning.labels import LabelsTask
from pib_rl.physical import Digital, InstrumentError, Medium, Read, Streams, register
from pib_rl.runs.folder import RunFolder

pytestmark = pytest.mark.usefixtures("few_steps")

LEARNERS = ["pib", "frozen", "backprop-stale"]
SMALL = ["--width", "8", "--no-progress"]


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "policy"
    train.main(
        [
            "CartPole-v1",
            "--hw",
            "memristive",
            "--timesteps",
            "1024",
            "--n-steps",
            "16",
            "--eval-episodes",
            "4",
            "--seed",
            "3",
            *SMALL,
            "--out",
            str(folder),
        ]
    )
    return folder


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "classifier"
    learn.main(
        ["digits", "--hw", "memristive", "--epochs", "8", "--units", "2", "--seed", "3", *SMALL, "--out", str(folder)]
    )
    return folder


@pytest.fixture(scope="module")
def adapted(tmp_path_factory, policy):
    folder = tmp_path_factory.mktemp("adapted") / "one"
    adapt.main(
        [
            str(policy),
            "--fault",
            "stuck:0.5",
            "--timesteps",
            "700",
            "--seed",
            "5",
            "--no-progress",
            "--out",
            str(folder),
        ]
    )
    return folder


class TurningMedium(Medium):
    """h = tanh(M drive), M random; it turns towards another M."""

    mix: torch.Tensor

    def __init__(self, features: int, streams: Streams) -> None:
        super().__init__(features, features)
        self.streams = streams
        self.register_buffer("mix", streams.normal(FABRICATION, torch.zeros(features, features)))

    def measure(self, drive, read: Read = Read.NOISY):
        return torch.tanh(drive @ self.mix.T / self.in_features**0.5)

    def faults(self):
        return {"rotate-medium": self.turn}

    def turn(self, degrees: float) -> None:
        angle = np.deg2rad(degrees)
        self.mix.copy_(np.cos(angle) * self.mix + np.sin(angle) * self.streams.normal(FAULT, self.mix))


@register
class TurningMedia(Digital):
    name = "turning-media"

    def make_medium(self, in_features: int, out_features: int) -> Medium:
        return TurningMedium(in_features, self.streams)


def patient(run_folder: Path, fault: str = "stuck:0.5", **options):
    """A patient after its fault."""
    found = open_run(AdaptConfig(run=run_folder, fault=(fault,), progress=False, **options))
    chip = found.load()
    found.apply_faults(chip)
    return found


def load_chip(path) -> dict[str, torch.Tensor]:
    """The state of the model in a saved policy or network."""
    return own_state(load_file(path))


def stuck(state) -> dict[str, torch.Tensor]:
    return {key: value == 0 for key, value in state.items() if key.endswith(".array.step")}


def test_the_folder_tells_of_before_after_and_every_learner(adapted):
    result = json.loads((adapted / "result.json").read_text())
    assert (result["env"], result["hw"], result["learner"], result["seed"]) == ("CartPole-v1", "memristive", "pib", 3)
    assert (result["faults"], result["length"], result["unit"]) == (["stuck:0.5"], 700, "environment steps")
    assert list(result["learners"]) == LEARNERS
    rows = list(csv.DictReader((adapted / "progress.csv").open()))
    for name, course in result["learners"].items():
        assert [point[0] for point in course["curve"]] == [0, 256, 512, 768]  # at every rollout of so short a run
        assert sum(row["learner"] == name for row in rows) == len(course["curve"])
        assert course["counts"]["measurements"] > 0
        assert course["final"] == json.loads((adapted / name / "result.json").read_text())["eval_mean"]
    assert len({course["curve"][0][1] for course in result["learners"].values()}) == 1
    counts = [result["learners"][name]["counts"]["writes"] for name in LEARNERS]
    assert counts[0] > counts[1], "frozen units are not written to"
    assert (adapted / "adapt.png").read_bytes().startswith(b"\x89PNG")
    assert yaml.safe_load((adapted / "config.yaml").read_text())["fault"] == ["stuck:0.5"]


def test_an_adaptation_too_short_to_learn_says_so_in_one_line(policy, tmp_path, capsys):
    few = ["--timesteps", "16", "--learner", "pib", "frozen", "--out", str(tmp_path / "out")]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        adapt.main([str(policy), "--fault", "stuck:0.5", "--no-progress", *few])
    said = capsys.readouterr().out
    assert said.count("nothing would be learned") == 1
    assert "raise --timesteps to" in said


def test_learners_can_be_played(adapted, capsys):
    for name in LEARNERS:
        play.main([str(adapted / name), "--episodes", "1", "--no-progress"])
        assert "returns" in capsys.readouterr().out


def test_frozen_units_stay_as_they_broke_while_the_readout_learns(adapted, policy):
    broken = patient(policy, seed=5).broken
    frozen = load_chip(adapted / "frozen" / "policy.safetensors")
    moved = {key for key, value in broken.items() if not torch.equal(value, frozen[key])}
    assert not any(key.endswith(".pair") and key.startswith("network.units") for key in moved)
    assert "readout.array.pair" in moved
    assert (broken["readout.array.pair"] != frozen["readout.array.pair"]).flatten(1).any(1).all(), "of both devices"
    learned = load_chip(adapted / "pib" / "policy.safetensors")
    assert not torch.equal(broken["network.units.0.array.pair"], learned["network.units.0.array.pair"])


def test_stuck_devices_are_the_same_for_all_to_the_end(adapted, policy):
    before, broken = load_chip(policy / "policy.safetensors"), patient(policy, seed=5).broken
    hits = stuck(broken)
    assert torch.cat([hit.flatten() for hit in hits.values()]).float().mean() == pytest.approx(0.5, abs=0.05)
    assert all(torch.equal(hits[key] | hit, hits[key]) for key, hit in stuck(before).items()), "those of before stay"
    for name in LEARNERS:
        state = load_chip(adapted / name / "policy.safetensors")
        assert all(torch.equal(hit, stuck(state)[key]) for key, hit in hits.items())
        for key, hit in hits.items():
            level = key.removesuffix("step") + "pair"
            assert torch.equal(state[level][hit], broken[level][hit])


@pytest.mark.parametrize("kind", ["policy", "classifier"])
def test_every_learner_starts_from_the_same_broken_chip(kind, request, tmp_path, monkeypatch):
    start = []

    class EnoughError(Exception):
        pass

    def note(state):
        start.append({key: value.clone() for key, value in state.items()})
        raise EnoughError

    found = patient(request.getfixturevalue(kind))
    monkeypatch.setattr(policies, "train", lambda plan, model, folder: note(model.policy.model.state_dict()))
    monkeypatch.setattr(PIBClassifier, "fit", lambda model, *_, **__: note(model.model_.state_dict()))
    for name in found.learners:
        with pytest.raises(EnoughError):
            found.learn_on(name, tmp_path / name)
    for state in start:
        assert state.keys() == found.broken.keys()
        same = {key for key, value in state.items() if torch.equal(value, found.broken[key])}
        tuned = ("control.mean", "control.std", "measurements", "energy", "products")  # recalibrated, and metered
        assert all(key.endswith(tuned) for key in state.keys() - same)
        assert ("network.units.0.control.mean" in same) == (kind == "policy")
        assert all(torch.equal(value, start[0][key]) for key, value in state.items()), "and the same for all"
    assert not torch.equal(own_state(found.healthy)["readout.array.pair"], found.broken["readout.array.pair"])


def test_the_seed_says_what_breaks(policy):
    first, again, other = (patient(policy, seed=seed) for seed in (5, 5, 6))
    assert all(torch.equal(value, again.broken[key]) for key, value in first.broken.items())
    key = "network.units.0.array.step"
    assert not torch.equal(stuck(first.broken)[key], stuck(other.broken)[key])
    assert (first.before, first.after) == (again.before, again.after)


@pytest.mark.parametrize("kind", ["policy", "classifier"])
@pytest.mark.parametrize(("learner", "known"), [("backprop-stale", "healthy"), ("backprop", "broken")])
def test_the_stale_twin_is_the_chip_of_before_the_fault(kind, learner, known, request, tmp_path, monkeypatch):
    learners = []
    found = patient(request.getfixturevalue(kind), learner=(learner,))
    monkeypatch.setattr(policies, "train", lambda plan, model, folder: learners.append(model.rule.learner) or 1 / 0)
    monkeypatch.setattr(
        PIBClassifier, "fit", lambda model, *_, **__: learners.append(model._trainer(2).learner) or 1 / 0
    )
    with pytest.raises(ZeroDivisionError):
        found.learn_on(learner, tmp_path / "run")
    (learner,) = learners
    assert isinstance(learner, Backprop)
    assert (learner.options.twin_drift, learner.options.twin_error) == (0, 0)
    state = own_state(getattr(found, known))
    for own, part in zip(learner.twin.arrays, ["network.units.0", "network.units.1", "readout"], strict=True):
        assert torch.equal(own.exact, state[f"{part}.array.difference"])
    assert torch.equal(learner.twin.media[0].gain.exact, state["network.units.1.medium.gain"])


def test_a_classifier_learns_on_and_test_samples_are_not_looked_at_meanwhile(classifier, tmp_path, monkeypatch, capsys):
    seen, predict = [], PIBClassifier.predict

    def note(model, x):
        seen.append(len(x))
        return predict(model, x)

    monkeypatch.setattr(PIBClassifier, "predict", note)
    arguments = [str(classifier), "--fault", "stuck:0.5", "adc-bits:6", "--no-progress", "--out", str(tmp_path / "one")]
    adapt.main(arguments)
    assert seen == [360, 143, 360, 143, *[143, 143, 360] * 3]
    result = json.loads((tmp_path / "one" / "result.json").read_text())
    assert (result["data"], result["unit"], result["length"], result["percent"]) == ("digits", "epochs", 2, True)
    assert result["before"] > result["after"] + 0.2
    for name in LEARNERS:
        course = result["learners"][name]
        assert [point[0] for point in course["curve"]] == [0, 1, 2]
        assert result["after"] + 0.1 < course["final"] <= 1
        names = {path.name for path in (tmp_path / "one" / name).iterdir()}
        assert {"config.yaml", "policy.safetensors", "progress.csv", "result.json", "learning_curve.png"} <= names
    assert "before the fault" in capsys.readouterr().out
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "one").iterdir()}
    adapt.main(arguments)
    assert "finished" in capsys.readouterr().out
    assert before == {path.name: path.stat().st_mtime_ns for path in (tmp_path / "one").iterdir()}


def test_media_that_turned_are_learned_anew_on_hardware_of_a_labs_own(tmp_path):
    learn.main(
        [
            "digits",
            "--hw",
            "turning-media",
            "--epochs",
            "8",
            "--width",
            "24",
            "--units",
            "2",
            "--no-progress",
            "--out",
            str(tmp_path / "run"),
        ]
    )
    adapt.main(
        [
            str(tmp_path / "run"),
            "--fault",
            "rotate-medium:90",
            "--epochs",
            "4",
            "--learner",
            "frozen",
            "--no-progress",
            "--out",
            str(tmp_path / "one"),
        ]
    )
    result = json.loads((tmp_path / "one" / "result.json").read_text())
    finals = {name: course["final"] for name, course in result["learners"].items()}
    assert result["before"] > 0.8
    assert result["after"] < 0.4, "nothing of the old media is left"
    assert min(finals.values()) > result["after"] + 0.3
    with pytest.raises(UserError, match="backprop needs a digital twin of TurningMedium"):
        adapt.main([str(tmp_path / "run"), "--fault", "rotate-medium:90", "--out", str(tmp_path / "two")])
    assert not (tmp_path / "two").exists()


def test_data_that_moved_are_named(tmp_path):
    generator = np.random.default_rng(0)
    y = np.arange(90) % 3
    np.savez(
        tmp_path / "a.npz",
        x_train=generator.normal(size=(90, 4)) + np.eye(3, 4)[y],
        y_train=y,
        x_test=generator.normal(size=(9, 4)),
        y_test=y[:9],
    )
    learn.main([str(tmp_path / "a.npz"), "--units", "1", "--epochs", "1", *SMALL, "--out", str(tmp_path / "run")])
    (tmp_path / "a.npz").rename(tmp_path / "b.npz")
    arguments = [
        str(tmp_path / "run"),
        "--fault",
        "dead-unit:1",
        "--learner",
        "frozen",
        "--no-progress",
        "--out",
        str(tmp_path / "adapted"),
    ]
    with pytest.raises(UserError, match=r"there is no file .*a\.npz"):
        adapt.main(arguments)
    adapt.main([*arguments, "--data", str(tmp_path / "b.npz")])
    assert (tmp_path / "adapted" / "result.json").is_file()


def test_a_rival_of_a_policy_has_settings_of_its_own_and_keeps_what_is_common(policy):
    found = patient(policy)
    common = found.plan("pib").identity()["rule"].get("gamma")
    plan = found.plan("backprop-stale").identity()
    assert plan["rule"]["twin_drift"] == 0
    assert plan["rule"].get("gamma") == common
    assert not {"hidden_steps", "hidden_batch", "plastic"} & plan["rule"].keys()
    for key in ("hw", "width", "units", "seed", "objective", "timesteps", "hw_options"):
        assert plan[key] == found.plan("pib").identity()[key]


@pytest.mark.parametrize(
    ("stopper", "words"),
    [
        (KeyboardInterrupt, "interrupted; stopped after epoch 1: .*pib_rl.adapt --resume .*one goes on"),
        (InstrumentError("chip lost"), "chip lost; stopped after epoch 1: .*pib_rl.adapt --resume .*one goes on"),
    ],
)
def test_an_interruption_leaves_what_is_there(stopper, words, classifier, tmp_path, monkeypatch):
    look, calls = LabelsTask.evaluate_heldout, []

    def stop(*arguments):
        calls.append(None)
        if len(calls) == 4:
            raise stopper
        return look(*arguments)

    monkeypatch.setattr(LabelsTask, "evaluate_heldout", stop)
    with pytest.raises(UserError, match=words):
        adapt.main([str(classifier), "--fault", "stuck:0.5", "--no-progress", "--out", str(tmp_path / "one")])
    assert {path.name for path in (tmp_path / "one").iterdir()} == {
        "config.yaml",
        "progress.csv",
        "adapt.png",
        "pib",
        "frozen",
    }
    assert (tmp_path / "one" / "frozen" / "checkpoints").is_dir()
    with pytest.raises(UserError, match="unfinished run"):
        adapt.main([str(classifier), "--fault", "stuck:0.5", "--no-progress", "--out", str(tmp_path / "one")])


def test_a_damaged_result_is_named(adapted, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(adapted, copy)
    result = json.loads((copy / "result.json").read_text())
    for damage, words in (({"after": None}, r"is damaged \(after missing"), ({"learners": 3}, "learners missing")):
        (copy / "result.json").write_text(json.dumps(result | damage))
        with pytest.raises(UserError, match=words):
            adapt.show(RunFolder(copy))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{policy}"], "nothing breaks: give one fault or more, such as --fault stuck:0.5"),
        (["{policy}", "--fault", "stick:0.5"], "did you mean stuck?"),
        (["{policy}", "--fault", "stuck:0.5@3"], "adapt breaks the chip at once: leave out @3"),
        (["{policy}", "--fault", "rotate-medium:45"], "can't have the fault rotate-medium; choose among adc-bits"),
        (["{policy}", "--fault", "dead-unit:3"], "1..2, the units of this network"),
        (["{policy}", "--fault", "stuck:0.5", "--epochs", "3"], "is a run of train: give --timesteps"),
        (["{policy}", "--fault", "stuck:0.5", "--data", "x.npz"], "needs no --data"),
        (["{policy}", "--fault", "stuck:0.5", "--timesteps", "0"], "--timesteps must be 1 or more"),
        (["{policy}", "--fault", "stuck:0.5", "--learner", "frozn"], "frozen"),
        (["{policy}", "--fault", "stuck:0.5", "--learner", "forward-forward"], "can't go on from a chip of pib"),
        (["{policy}", "--fault", "stuck:0.5", "--device", "abacus"], "cpu, cuda or cuda:N"),
        (["{classifier}", "--fault", "stuck:0.5", "--timesteps", "3"], "is a run of learn: give --epochs"),
        (["{classifier}", "--fault", "stuck:0.5", "--learner", "es"], "can't learn from data"),
        (["{classifier}", "--fault", "stuck:0.5", "--data", "missing.npz"], "there is no file missing.npz"),
        (["{adapted}", "--fault", "stuck:0.5"], "is not a run folder"),
        (["half", "--fault", "stuck:0.5"], "half is an unfinished run; give a finished one"),
        (["nowhere", "--fault", "stuck:0.5"], "nowhere is not a folder"),
    ],
)
def test_mistakes_end_in_one_line_with_code_2(
    arguments, words, policy, classifier, adapted, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(policy, "half")
    (tmp_path / "half" / "result.json").unlink()
    folders = {"policy": policy, "classifier": classifier, "adapted": adapted}
    monkeypatch.setattr("sys.argv", ["adapt", *(part.format(**folders) for part in arguments)])
    with pytest.raises(SystemExit) as stop:
        run("pib_rl.adapt", adapt.main)
    said = capsys.readouterr()
    assert stop.value.code == 2
    assert said.err.count("\n") == 1
    assert words in said.err
    assert [path.name for path in tmp_path.iterdir()] == ["half"]


def test_classifiers_are_loaded_as_they_were(classifier):
    found = open_run(AdaptConfig(run=classifier, fault=("stuck:0",), progress=False))
    state = found.load().state_dict()
    assert all(torch.equal(value, state[key]) for key, value in load_chip(classifier / "policy.safetensors").items())
    assert found.task_kind is LabelsTask
    result = json.loads((classifier / "result.json").read_text())
    assert found.evaluate() == pytest.approx(result["test_accuracy"], abs=0.03)
