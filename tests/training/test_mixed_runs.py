"""Commands on a chip whose units are of different substrates."""

from __future__ import annotations

import json
from contextlib import suppress

import gymnasium as gym
import numpy as np
import pytest
from here import PROCESSES
from one_line import stops
from safetensors.torch import load_file

from pib_rl import adapt, characterise, compare, learn, train
from pib_rl import list as listing
from pib_rl.agents import PIBPolicy
from pib_rl.agents.rule.iteration import Rule
from pib_rl.cli.cli import parse
from pib_rl.comparison import processes
from pib_rl.learning.config import LearnConfig
from pib_rl.runs.folder import LAST, RunFolder
from pib_rl.training.config import TrainConfig
from pib_rl.training.load import load
from pib_rl.viewer import Probe, draw_scene

pytestmark = pytest.mark.usefixtures("few_steps")

MIX = ["--hw", "optical,memristive:pcm", "--hw-options", "1.camera_pixels=40", "2.adc_bits=6"]
TINY = [
    "--timesteps",
    "320",
    "--width",
    "4",
    "--n-envs",
    "2",
    "--n-steps",
    "32",
    "--looks",
    "2",
    "--eval-episodes",
    "2",
]
TRAIN = ["CartPole-v1", *TINY, "--checkpoint-every", "64", "--no-progress"]


class KilledError(BaseException):
    pass


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "whole"
    train.main([*TRAIN, *MIX, "--out", str(folder)])
    return folder


def test_a_run_says_what_it_was_on(whole):
    result = json.loads((whole / "result.json").read_text())
    assert result["hw"] == "optical,memristive:pcm"
    assert result["energy_parts_j"]["light"] > 0
    assert RunFolder.open(whole).identity()["hw_options"] == {"1.camera_pixels": 40, "2.adc_bits": 6}


def test_a_killed_run_goes_on_bit_for_bit(whole, tmp_path, monkeypatch):
    inner, calls = Rule.update, []

    def stop(*given, **options):
        calls.append(given)
        if len(calls) == 4:
            raise KilledError
        return inner(*given, **options)

    with monkeypatch.context() as patch, suppress(KilledError):
        patch.setattr(Rule, "update", stop)
        train.main([*TRAIN, *MIX, "--out", str(tmp_path / "run")])
    assert len(calls) == 4
    train.main(["--resume", str(tmp_path / "run"), "--no-progress"])
    ours, theirs = (load_file(path / LAST) for path in (whole, tmp_path / "run"))
    assert ours.keys() == theirs.keys()
    assert all((value == theirs[name]).all() for name, value in ours.items())


def test_units_of_a_run_go_on_in_another(whole, tmp_path):
    train.main([*TRAIN, *MIX, "--seed", "5", "--init", str(whole), "--out", str(tmp_path / "run")])
    assert (tmp_path / "run" / "result.json").is_file()


def test_the_policy_plays_and_is_shown(whole):
    agent, task = load(RunFolder.open(whole), LAST)
    assert task.hw == "optical,memristive:pcm"
    probe = Probe(agent.policy)
    probe.act(np.zeros(4, np.float32))
    scene = probe.scene()
    assert [unit.medium.title for unit in scene.units] == ["camera: 40", "outputs: 4", "outputs: 4"]
    assert draw_scene(scene, np.zeros((40, 60, 3), np.uint8), (640, 360)).any()


def test_learn_and_adapt_on_a_mix(tmp_path):
    run, small = tmp_path / "run", ["--units", "2", "--width", "6", "--no-progress"]
    learn.main(["digits", "--hw", "memristive,optical", "--epochs", "2", *small, "--out", str(run)])
    out = tmp_path / "adapted"
    adapt.main([str(run), "--fault", "stuck:0.3", "--learner", "pib", "frozen", "--no-progress", "--out", str(out)])
    result = json.loads((out / "result.json").read_text())
    assert result["hw"] == "memristive,optical"
    assert set(result["learners"]) == {"pib", "frozen"}


def test_a_mix_is_one_of_the_substrates_of_a_comparison(tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "subprocess", PROCESSES)
    few = ["--hw", "digital,memristive", "--learner", "frozen", "--seeds", "1", "--timesteps", "300"]
    size = ["--looks", "0", "--width", "4", "--eval-episodes", "2", "--no-progress"]
    compare.main(["CartPole-v1", *few, *size, "--out", str(tmp_path / "new")])
    names = {path.name for path in (tmp_path / "new").rglob("*digital+memristive*")}
    assert {"pib-digital+memristive-s100", "frozen-digital+memristive-s100"} <= names


@pytest.mark.parametrize(("kind", "first"), [(TrainConfig, "CartPole-v1"), (LearnConfig, "digits")])
def test_default_folders_have_names_that_every_system_takes(kind, first):
    config = parse(kind, [first, "--hw", "optical,memristive:pcm"], "command")
    assert config.stem == f"{first}-optical+memristive-pcm-pib-s0"


@pytest.mark.parametrize(
    ("command", "arguments", "said"),
    [
        (train, ["CartPole-v1", "--units", "3", *MIX], "hw names 2 substrates, and the network has 3 units"),
        (
            train,
            ["CartPole-v1", "--hw", "optical,memristive", "--hw-options", "adc_bits=6"],
            "options of several substrates must be NUMBER.NAME, such as 2.adc_bits for unit 2, got 'adc_bits'",
        ),
        (train, ["CartPole-v1", "--hw", "optical,memristve"], "unknown substrate 'memristve'; did you mean memristive"),
        (
            train,
            ["CartPole-v1", "--fault", "rotate-medium:30@start", "--hw", "digital,memristive"],
            "can't have the fault",
        ),
        (
            train,
            ["CartPole-v1", "--hw", "digital,remote", "--chips", "2"],
            "--hw digital,remote is one chip, got --chips 2",
        ),
        (learn, ["digits", "--hw", "optical,memristive"], "hw names 2 substrates, and the network has 3 units"),
        (
            compare,
            ["CartPole-v1", "--hw", "digital", "digital,memristive", "--units", "3"],
            "hw names 2 substrates, and the network has 3 units",
        ),
        (
            characterise,
            ["--hw", "optical,memristive"],
            "--hw must be one substrate, whose medium and array are measured, got optical,memristive; ",
        ),
    ],
)
def test_mistakes_are_one_line_and_leave_no_folder(command, arguments, said, tmp_path, monkeypatch, capsys):
    told = stops(command, [*arguments, "--no-progress", "--out", str(tmp_path / "new")], monkeypatch, capsys)
    assert said in told
    assert not (tmp_path / "new").exists()


def test_the_list_of_substrates_tells_of_mixes(capsys):
    listing.main(["substrates"])
    assert "SUBSTRATE,SUBSTRATE" in capsys.readouterr().out


def test_hardware_in_the_loop_may_be_a_mix():
    space = gym.spaces.Box(-1, 1, (4,))
    policy = PIBPolicy(space, gym.spaces.Discrete(2), hw="mzi,oscillator", width=4)
    assert policy.predict(np.zeros(4, np.float32))[0] in (0, 1)
