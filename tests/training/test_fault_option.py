"""--fault of train and learn: when it happens, where it is noted, and a user's mistakes."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
import yaml
from one_line import stops
from safetensors.torch import load_file
from sklearn.base import clone

from pib_rl import learn, train
from pib_rl.agents.estimators.supervised import PIBClassifier
from pib_rl.agents.network.faults import inject
from pib_rl.cli.cli import UserError
from pib_rl.cli.settings_files import from_plain
from pib_rl.learning.config import LearnConfig
from pib_rl.training import run as training_run
from pib_rl.training.config import from_arguments

pytestmark = pytest.mark.usefixtures("few_steps")

TRAIN = ["CartPole-v1", "--hw", "memristive", "--width", "8", "--eval-episodes", "2", "--no-progress"]
LEARN = ["digits", "--hw", "memristive", "--width", "6", "--units", "1", "--no-progress"]


def stuck_share(state: dict[str, torch.Tensor]) -> float:
    steps = [value for key, value in state.items() if key.endswith(".array.step")]
    return float((torch.cat([step.flatten() for step in steps]) == 0).float().mean())


def test_a_fault_of_a_training_happens_at_the_next_start_of_a_rollout(tmp_path, monkeypatch):
    happened = []

    def note(policy, fault):
        happened.append((fault.kind, stuck_share(policy.state_dict())))
        inject(policy, fault)

    monkeypatch.setattr(training_run, "inject", note)
    arguments = [*TRAIN, "--timesteps", "6000", "--out", str(tmp_path / "run")]
    train.main([*arguments, "--fault", "stuck:0.5@1000", "dead-unit:2@5000", "adc-bits:4"])
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["faults"] == [
        {"kind": "adc-bits", "size": 4.0, "step": 0},
        {"kind": "stuck", "size": 0.5, "step": 2048},
        {"kind": "dead-unit", "size": 2.0, "step": 6144},
    ]
    assert [kind for kind, _ in happened] == ["adc-bits", "stuck", "dead-unit"]
    assert happened[0][1] < 0.05
    state = load_file(tmp_path / "run" / "policy.safetensors")
    assert stuck_share(state) == pytest.approx(0.5, abs=0.05)
    assert [float(state[f"model.network.units.{unit}.alive"]) for unit in (0, 1)] == [1, 0]
    config = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    assert config["fault"] == ["stuck:0.5@1000", "dead-unit:2@5000", "adc-bits:4"]
    train.main(["--config", str(tmp_path / "run" / "config.yaml"), "--out", str(tmp_path / "again"), "--no-progress"])
    again = load_file(tmp_path / "again" / "policy.safetensors")
    assert all(torch.equal(value, again[key]) for key, value in state.items())
    train.main([*arguments, "--fault", "stuck:0.5@1000", "dead-unit:2@5000", "adc-bits:4"])  # shown, not refused


def test_without_a_fault_the_settings_name_none():
    assert "fault" not in from_arguments(["CartPole-v1"], train.NAME).identity()
    assert "fault" not in LearnConfig().identity()


def test_a_fault_of_learning_happens_after_so_many_epochs(tmp_path):
    shares = []
    for at in (0, 1, 2):
        folder = tmp_path / str(at)
        learn.main([*LEARN, "--epochs", "2", "--fault", f"stuck:0.6@{at}", "--out", str(folder)])
        shares.append(stuck_share(load_file(folder / "policy.safetensors")))
        result = json.loads((folder / "result.json").read_text())
        assert result["faults"] == [{"kind": "stuck", "size": 0.6, "epoch": at}]
        assert yaml.safe_load((folder / "config.yaml").read_text())["fault"] == [f"stuck:0.6@{at}"]
    assert shares == pytest.approx([0.6] * 3, abs=0.05)


def test_an_epoch_is_looked_at_before_it_breaks_and_learned_after():
    generator = np.random.default_rng(0)
    y = np.arange(60) % 3
    x = generator.normal(size=(60, 4)) + 3 * np.eye(3, 4)[y]
    seen: list[float] = []
    model = PIBClassifier(hw="memristive", width=6, units=1, epochs=3, faults=["stuck:1@1"])
    weights = []

    def watch(log):
        seen.append(stuck_share(model.model_.state_dict()))
        weights.append(model.model_.readout.array.weights().clone())

    model.fit(x, y, watch=watch)
    assert seen[0] < 0.1
    assert seen[1:] == [1, 1]
    assert not torch.equal(weights[0], weights[1])
    assert torch.equal(weights[1], weights[2])
    assert clone(model).faults == ["stuck:1@1"]
    seen.clear()
    model.set_params(faults=("stuck:1",)).fit(x, y, watch=watch)
    assert seen == [1, 1, 1]
    assert model.score(x, y) < 0.7, "nothing could be learned"


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        ("stuck:1", "faults must be a list of KIND:SIZE@EPOCH, got 'stuck:1'"),
        (None, "faults must be a list"),
        ([3], "faults must be a list"),
        (["stuck:2"], r"in 0\.\.1, got 2"),
        (["stuck:1@4"], "there are 3 epochs"),
        (["rotate-medium:3"], "can't have the fault rotate-medium; choose among adc-bits, dead-unit, drift, stuck"),
    ],
)
def test_an_estimator_refuses_faults_that_are_none(faults, words):
    model = PIBClassifier(hw="memristive", width=4, units=1, epochs=3, faults=faults)
    with pytest.raises(ValueError, match=words):
        model.fit(np.eye(6), np.arange(6) % 2)


@pytest.mark.parametrize("name", ["fault", "patches"])
@pytest.mark.parametrize("value", [[3], "stuck:0.5", [["stuck:0.5"]]])
def test_settings_of_a_damaged_folder_are_told(name, value, tmp_path):
    with pytest.raises(UserError, match=rf"config\.yaml: {name} must be a list of texts, got"):
        from_plain(LearnConfig, {name: value}, tmp_path / "config.yaml")


@pytest.mark.parametrize(
    ("module", "arguments", "words"),
    [
        (train, [*TRAIN, "--fault", "stick:0.5"], "unknown fault 'stick'; did you mean stuck?"),
        (train, [*TRAIN, "--fault", "stuck"], "lacks its size"),
        (train, [*TRAIN, "--fault", "stuck:0.5@90000", "--timesteps", "3000"], "there are 3000 steps"),
        (train, [*TRAIN, "--fault", "rotate-medium:45"], "can't have the fault rotate-medium"),
        (train, [*TRAIN, "--fault", "dead-unit:3"], "1..2, the units of this network, got 3"),
        (train, ["--config", "bad.yaml"], "bad.yaml: fault must be a list of texts, got 'stuck:0.5'"),
        (learn, [*LEARN, "--fault", "stuck:much"], "must be a number"),
        (learn, [*LEARN, "--fault", "stuck:0.5@9", "--epochs", "3"], "there are 3 epochs"),
        (learn, [*LEARN, "--fault", "stuck:0.5@900"], "there are 200 epochs"),
        (learn, [*LEARN, "--fault", "dead-unit:2"], "1..1, the units of this network, got 2"),
    ],
)
def test_mistakes_end_in_one_line_with_code_2(module, arguments, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.yaml").write_text("{env: CartPole-v1, fault: 'stuck:0.5'}")
    assert words in stops(module, arguments, monkeypatch, capsys)
    assert [path.name for path in tmp_path.iterdir()] == ["bad.yaml"]
