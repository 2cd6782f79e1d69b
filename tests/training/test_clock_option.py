"""--clock of train and learn: how much time passes, when, where it is noted, and a user's mistakes."""

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
from pib_rl.agents.estimators.supervised import PIBClassifier, PIBEncoder
from pib_rl.agents.network import faults as breakage
from pib_rl.learning.config import LearnConfig
from pib_rl.training import run as training_run
from pib_rl.training.config import from_arguments

pytestmark = pytest.mark.usefixtures("few_steps")

TRAIN = [
    "CartPole-v1",
    "--hw",
    "memristive",
    "--width",
    "8",
    "--eval-episodes",
    "2",
    "--timesteps",
    "128",
    "--n-envs",
    "2",
    "--n-steps",
    "32",
    "--no-progress",
]
LEARN = ["digits", "--hw", "memristive", "--width", "6", "--units", "1", "--epochs", "2", "--no-progress"]


def ages(state: dict[str, torch.Tensor]) -> list[float]:
    """Seconds that each array of linear devices has lived."""
    return [float(value) for key, value in state.items() if key.endswith("array.age_s")]


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(value, other[key]) for key, value in one.items())


def test_the_hardware_of_a_training_ages_after_each_rollout(tmp_path, monkeypatch):
    passed, states = [], {}
    monkeypatch.setattr(
        training_run, "age", lambda policy, seconds: (passed.append(seconds), breakage.age(policy, seconds))
    )
    for name, clock in (("still", []), ("half", ["--clock", "0.5"]), ("control", ["--clock", "control"])):
        passed.clear()
        train.main([*TRAIN, *clock, "--out", str(tmp_path / name)])
        states[name] = load_file(tmp_path / name / "policy.safetensors")
        seconds = {"half": 0.5, "control": 0.02}.get(name, 0.0)
        assert passed == pytest.approx([64 * seconds] * 2 if seconds else [])
        assert ages(states[name]) == pytest.approx([128 * seconds] * 3), "evaluations let no time pass"
        result = json.loads((tmp_path / name / "result.json").read_text())
        assert result["aged_s"] == pytest.approx(128 * seconds)
        config = yaml.safe_load((tmp_path / name / "config.yaml").read_text())
        assert config.get("clock") == {"half": 0.5, "control": "control"}.get(name)
    assert not same(states["still"], states["half"])
    train.main(["--config", str(tmp_path / "half" / "config.yaml"), "--out", str(tmp_path / "again"), "--no-progress"])
    assert same(states["half"], load_file(tmp_path / "again" / "policy.safetensors"))


def test_the_hardware_of_a_lesson_ages_after_each_epoch(tmp_path):
    states = {}
    for name, clock in (("still", []), ("aged", ["--clock", "0.1"])):
        learn.main([*LEARN, *clock, "--out", str(tmp_path / name)])
        states[name] = load_file(tmp_path / name / "policy.safetensors")
        config = yaml.safe_load((tmp_path / name / "config.yaml").read_text())
        assert config.get("clock") == (0.1 if name == "aged" else None)
    result = json.loads((tmp_path / "aged" / "result.json").read_text())
    seen = result["train_samples"] // 256 * 256  # the rest is less than half a batch
    assert 0 < result["train_samples"] - seen < 128
    assert result["aged_s"] == pytest.approx(2 * seen * 0.1)
    assert ages(states["aged"]) == pytest.approx([2 * seen * 0.1] * 2)
    assert not same(states["still"], states["aged"])
    assert json.loads((tmp_path / "still" / "result.json").read_text())["aged_s"] == 0


@pytest.mark.parametrize("kind", [PIBClassifier, PIBEncoder])
def test_an_estimator_ages_by_the_samples_that_it_learned_from(kind):
    x = np.random.default_rng(0).normal(size=(50, 4))
    model = kind(hw="memristive", width=6, units=1, epochs=3, batch_size=20, clock=2.0)
    looked = []
    model.fit(x, np.arange(50) % 2, watch=lambda _: looked.append(ages(model.model_.state_dict())[0]))
    assert looked == [100, 200, 300], "10 samples over are half a batch and are learned from"
    assert model.aged_s_ == 300
    model.partial_fit(x[:49], np.arange(49) % 2)  # 9 samples over are left out
    assert model.aged_s_ == ages(model.model_.state_dict())[0] == 380
    assert clone(model).clock == 2.0


@pytest.mark.parametrize("clock", [-1.0, float("nan"), float("inf"), "0.1", True, None])
def test_an_estimator_refuses_a_clock_that_is_none(clock):
    with pytest.raises(ValueError, match="clock must be"):
        PIBClassifier(clock=clock, width=4, epochs=1).fit(np.eye(6), np.arange(6) % 2)


def test_without_a_clock_the_settings_name_none():
    for given in ([], ["--clock", "0"], ["--clock", "0e0"]):
        assert "clock" not in from_arguments(["CartPole-v1", *given], train.NAME).identity()
    assert "clock" not in LearnConfig(clock=0.0).identity()


@pytest.mark.parametrize(
    ("module", "arguments", "words"),
    [
        (train, [*TRAIN, "--clock", "soon"], "--clock must be seconds per step in 0..1e+12, or control, got soon"),
        (train, [*TRAIN, "--clock=-1"], "got -1"),
        (train, [*TRAIN, "--clock", "nan"], "got nan"),
        (train, [*TRAIN, "--clock", "1e13"], "got 1"),
        (train, ["--config", "bad.yaml"], "bad.yaml: option clock must be float or str, got [1]"),
        (learn, [*LEARN, "--clock=-1"], "clock must be seconds in 0..1e+12, got -1"),
        (learn, [*LEARN, "--clock", "soon"], "--clock must be a number, got 'soon'"),
    ],
)
def test_mistakes_end_in_one_line_with_code_2(module, arguments, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.yaml").write_text("{env: CartPole-v1, clock: [1]}")
    assert words in stops(module, arguments, monkeypatch, capsys)
    assert [path.name for path in tmp_path.iterdir()] == ["bad.yaml"]


def test_an_environment_that_tells_no_control_period_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(training_run, "control_period", lambda env: None)
    said = stops(train, [*TRAIN, "--clock", "control"], monkeypatch, capsys)
    assert "CartPole-v1 does not tell its control period; give seconds per step" in said
    assert not list(tmp_path.iterdir())
