"""Commands on an instrument that computes, and on one that is lost in the middle."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from lab_chip import LabChip, lab_chip
from one_line import stops
from safetensors.numpy import load_file

from pib_rl import learn, play, train
from pib_rl.agents import PIB
from pib_rl.agents.resuming.checkpoints import newest_checkpoint
from pib_rl.envs import make_vec_env
from pib_rl.physical import InstrumentError
from pib_rl.runs.result import RunResult
from pib_rl.training import run as training_run

pytestmark = pytest.mark.usefixtures("few_steps")
CHIP = [
    "elementwise=true",
    "input_gain=0.5",
    "drive_gain=1.5",
    "drive_offset=1.0",
    "chunk=512",
    "repeats=1",
    "number=.9g",
    "timeout_s=0.5",
    "retries=1",
]
TASK = [
    "CartPole-v1",
    "--width",
    "8",
    "--n-envs",
    "8",
    "--n-steps",
    "32",
    "--timesteps",
    "512",
    "--eval-episodes",
    "2",
    "--no-progress",
]
SMALL = ["--width", "8", "--units", "2", "--no-progress"]


@pytest.fixture
def lab():
    with lab_chip() as chip:
        yield chip


def on(chip: LabChip) -> list[str]:
    return ["--hw", "remote", "--hw-options", f"resource={chip.resource}", *CHIP]


def breaks_after(chip: LabChip, command: str, count: int) -> None:
    """The chip hangs up at the ``count``-th use of a command and at every later one."""
    seen = []

    def fault(reply: str) -> str:
        seen.append(reply)
        if len(seen) >= count:
            raise ConnectionError
        return reply

    chip.faults[command] = fault


@pytest.fixture
def unjudged(monkeypatch):
    """Trainings without the final evaluations, which take longer than they."""
    monkeypatch.setattr(training_run, "evaluate_final", lambda *_: RunResult(kind="train"))
    monkeypatch.setattr(train, "show", lambda _: None)


@pytest.mark.usefixtures("unjudged")
def test_training_on_an_instrument_is_the_training_it_computes(lab, tmp_path):
    """The chip computes as the digital substrate does: the same run differs by what rounding makes of it."""
    train.main([*TASK, *on(lab), "timeout_s=5", "--out", str(tmp_path / "remote")])
    train.main([*TASK, "--hw", "digital", "--out", str(tmp_path / "digital")])
    remote, digital = (load_file(tmp_path / name / "policy.safetensors") for name in ("remote", "digital"))
    assert remote.keys() == digital.keys()
    assert remote["model.meter.measurements"] == digital["model.meter.measurements"]
    assert remote["model.meter.writes"] >= digital["model.meter.writes"] > 0
    for name in (
        "model.network.units.0.array.weight",
        "model.network.units.1.array.weight",
        "model.readout.array.weight",
    ):
        assert np.allclose(remote[name], digital[name], atol=1e-4), name
    assert np.abs(digital["model.readout.array.weight"]).max() > 1e-3
    assert json.loads((tmp_path / "remote" / "result.json").read_text()) == {"kind": "train", "aged_s": 0.0}


@pytest.mark.usefixtures("unjudged")
def test_a_lost_instrument_leaves_the_policy_so_far_and_says_how_to_go_on(lab, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "run"
    breaks_after(lab, "MEAS:ARR?", 150)
    said = stops(train, [*TASK, *on(lab), "--out", str(folder)], monkeypatch, capsys)
    cure = f"python -m pib_rl.train --resume {folder}"
    for words in (f"instrument {lab.resource} gave no reply to MEAS:ARR?", "(2 tries)", "of 512", cure):
        assert words in said
    assert not (folder / "result.json").exists()
    found = newest_checkpoint(folder)
    assert found is not None
    kept = found.policy
    units = sorted(name for name in kept if name.startswith("model.network.units") and name.endswith("array.weight"))
    assert len(units) == 2
    assert kept["model.meter.measurements"] > 512, "what was measured until then is in it"

    lab.faults.clear()
    lab.power_cycle()
    play.main([str(folder), "--episodes", "1", "--no-progress"])
    for channel, name in ((1, units[0]), (3, units[1]), (5, "model.readout.array.weight")):
        assert np.allclose(lab.weights[channel], kept[name], atol=1e-6), "the chip holds the saved policy"

    monkeypatch.setattr(train, "show", lambda folder: None)
    train.main([*cure.split()[3:], "--no-progress"])
    assert (folder / "result.json").exists()
    assert load_file(folder / "policy.safetensors")["model.normaliser.count"] >= 512


def test_an_instrument_lost_in_the_last_evaluation_leaves_the_trained_policy(lab, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "run"

    def judge(config, model, *_: object) -> None:
        breaks_after(lab, "MEAS:MED?", 1)
        model.policy.predict(np.zeros((1, 4), dtype=np.float32))

    monkeypatch.setattr(training_run, "evaluate_final", judge)
    said = stops(train, [*TASK, "--timesteps", "256", *on(lab), "--out", str(folder)], monkeypatch, capsys)
    assert (
        f"stopped in its final evaluation, the training is done: python -m pib_rl.train --resume {folder} evaluates"
        in said
    )
    assert (folder / "policy.safetensors").exists()


def test_in_a_script_learning_goes_on_after_the_failure_and_saved_models_hold_their_chip(lab, tmp_path):
    options = {
        "resource": lab.resource,
        "elementwise": True,
        "timeout_s": 0.5,
        "retries": 0,
        "chunk": 512,
        "number": ".9g",
    }
    model = PIB(
        "MlpPolicy", make_vec_env("CartPole-v1", 8), hw="remote", hw_options=options, width=8, n_steps=32, seed=0
    )
    breaks_after(lab, "MEAS:ARR?", 150)
    with pytest.raises(InstrumentError, match="gave no reply"):
        model.learn(1024)
    lab.faults.clear()
    lab.power_cycle()
    before = model.num_timesteps
    model.learn(256, reset_num_timesteps=False)
    assert model.num_timesteps >= before + 256
    model.save(tmp_path / "model")
    obs = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
    said = model.policy.model.outputs(torch.from_numpy(obs))
    other = PIB.load(tmp_path / "model")
    assert torch.equal(other.policy.model.outputs(torch.from_numpy(obs)), said)
    other.policy.model.readout.array.program(torch.ones_like(other.policy.model.readout.array.weight))
    assert torch.equal(model.policy.model.outputs(torch.from_numpy(obs)), said)


@pytest.mark.parametrize(("target", "count"), [("labels", 60), ("views", 60)])
def test_a_lost_instrument_leaves_the_network_so_far(lab, tmp_path, monkeypatch, capsys, target, count):
    folder, data = tmp_path / "run", tmp_path / "small.npz"
    x = np.random.default_rng(0).normal(size=(200, 6))
    np.savez(data, x_train=x, y_train=np.arange(200) % 2, x_test=x[:20], y_test=np.arange(20) % 2)
    breaks_after(lab, "MEAS:ARR?", count)
    said = stops(learn, [str(data), *SMALL, "--target", target, *on(lab), "--out", str(folder)], monkeypatch, capsys)
    assert f"instrument {lab.resource} gave no reply to MEAS:ARR?" in said
    assert f"python -m pib_rl.learn --resume {folder} goes on from there" in said
    found = newest_checkpoint(folder)
    assert found is not None
    assert np.abs(found.policy["readout.array.weight"]).sum() > 0
    assert found.step == int(said.split("stopped after epoch ")[1].split(":")[0])


def test_nobody_at_the_address_is_a_mistake_before_any_folder_is_made(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    options = ["--hw", "remote", "--hw-options", "resource=TCPIP::127.0.0.1::1::SOCKET", "timeout_s=0.1"]
    for command, first in ((train, TASK), (learn, ["digits", *SMALL])):
        said = stops(command, [*first, *options], monkeypatch, capsys)
        assert "instrument TCPIP::127.0.0.1::1::SOCKET" in said
        assert "(3 tries)" in said
    said = stops(train, [*TASK, "--hw", "remote"], monkeypatch, capsys)
    assert "remote needs the VISA address" in said
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("unjudged")
def test_an_instrument_lost_while_playing_is_one_line(lab, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "run"
    train.main([*TASK, "--timesteps", "256", *on(lab), "--out", str(folder)])
    breaks_after(lab, "MEAS:MED?", 20)
    said = stops(play, [str(folder), "--episodes", "3", "--no-progress"], monkeypatch, capsys)
    assert said.startswith(f"pib_rl.play: error: instrument {lab.resource} gave no reply to MEAS:MED?")
