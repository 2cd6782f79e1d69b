"""python -m pib_rl.train, in this process: run folders, tables, and a user's mistakes."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
import yaml
from safetensors.torch import load_file

from pib_rl import train
from pib_rl.cli.cli import UserError, run
from pib_rl.runs.folder import RunFolder
from pib_rl.training import run as training_run
from pib_rl.training.config import from_arguments
from pib_rl.training.loop import close

pytestmark = pytest.mark.usefixtures("few_steps")

SMALL = ["CartPole-v1", "--timesteps", "2500", "--width", "8", "--eval-episodes", "4", "--no-progress"]
KEYS = {
    "env",
    "hw",
    "learner",
    "seed",
    "timesteps",
    "eval_mean",
    "eval_std",
    "eval_episodes",
    "eval_mean_noiseless",
    "best_eval_mean",
    "wall_s",
    "measurements",
    "writes",
    "devices",
    "energy_j",
    "energy_parts_j",
    "latency_s",
    "control_period_s",
    "reference_j",
    "writes_max_per_device",
    "writes_mean_per_device",
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "one"
    train.main([*SMALL, "--hw", "memristive", "--seed", "3", "--out", str(folder)])
    return folder


def test_run_folder_is_complete_and_without_pickle(finished):
    names = {path.name for path in finished.iterdir()}
    assert names == {
        "config.yaml",
        "policy.safetensors",
        "best.safetensors",
        "result.json",
        "progress.csv",
        "evaluations.csv",
        "learning_curve.png",
        "information_plane.png",
    }
    result = json.loads((finished / "result.json").read_text())
    assert result.keys() >= KEYS
    assert (result["env"], result["hw"], result["learner"], result["seed"]) == ("CartPole-v1", "memristive", "pib", 3)
    assert result["timesteps"] == 4096  # whole rollouts of 2048 steps
    assert result["measurements"] > 3 * 4096
    assert result["writes"] > 0
    assert result["energy_j"] == pytest.approx(sum(result["energy_parts_j"].values()))
    assert set(result["energy_parts_j"]) == {"array", "converters", "programming"}
    assert 0 < result["latency_s"] < result["control_period_s"] == 0.02
    assert result["writes_mean_per_device"] == pytest.approx(result["writes"] / result["devices"])
    assert result["writes_max_per_device"] >= result["writes_mean_per_device"]
    state = load_file(finished / "policy.safetensors")
    assert all(value.is_floating_point() and value.numel() for value in state.values())
    for picture in ("learning_curve.png", "information_plane.png"):
        assert (finished / picture).read_bytes().startswith(b"\x89PNG")


def test_progress_has_a_row_per_rollout_with_information(finished):
    lines = (finished / "progress.csv").read_text().splitlines()
    assert len(lines) == 1 + 2 + 1  # two rollouts, and the evaluation of the last policy
    assert {"information/input_unit1", "information/target_unit2", "rollout/return"} <= set(lines[0].split(","))


def test_finished_run_is_shown_not_repeated(finished, capsys):
    before = {path.name: path.stat().st_mtime_ns for path in finished.iterdir()}
    train.main([*SMALL, "--hw", "memristive", "--seed", "3", "--out", str(finished)])
    assert "finished" in capsys.readouterr().out
    assert before == {path.name: path.stat().st_mtime_ns for path in finished.iterdir()}


def test_config_of_a_run_repeats_it_bit_for_bit(finished, tmp_path):
    train.main(["--config", str(finished / "config.yaml"), "--out", str(tmp_path / "again"), "--no-progress"])
    first, second = (load_file(folder / "policy.safetensors") for folder in (finished, tmp_path / "again"))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_command_line_overrides_the_file(tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text(
        yaml.safe_dump(
            {"env": "CartPole-v1", "width": 5, "hw": "optical", "hw_options": {"photons": None, "phase_gain": 0.2}}
        )
    )
    config = from_arguments(["--config", str(path), "--width", "7"], train.NAME)
    assert (config.env, config.width, config.hw) == ("CartPole-v1", 7, "optical")
    assert config.identity()["hw_options"] == {"photons": None, "phase_gain": 0.2}
    more = from_arguments(["--config", str(path), "--hw-options", "phase_gain=0.3", "camera_bits=7"], train.NAME)
    assert more.identity()["hw_options"] == {"photons": None, "phase_gain": 0.3, "camera_bits": 7}


def test_objective_options_reach_the_units_and_the_file():
    config = from_arguments(
        ["CartPole-v1", "--objective", "ridge", "--objective-options", "ridge=5", "gain=0.5"], train.NAME
    )
    assert config.identity()["objective_options"] == {"ridge": 5, "gain": 0.5}
    model = training_run.build(config)
    close(model)
    assert [(unit.objective.ridge, unit.objective.saturation.gain) for unit in model.policy.model.network.chain] == [
        (5, 0.5)
    ] * 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["CartPol-v1"], "CartPole-v1"),
        (["CartPole-v1", "--hw", "optcal"], "optical"),
        (["CartPole-v1", "--objective", "gausian"], "gaussian"),
        (["CartPole-v1", "--objective", "ridge", "--objective-options", "ridge=-1"], "ridge must be > 0, got -1"),
        (["CartPole-v1", "--objective-options", "bandwith=1"], "bandwith"),
        (["CartPole-v1", "--objective-options", "bandwidth"], "--objective-options takes NAME=VALUE"),
        (["CartPole-v1", "--width", "0"], "--width must be 1 or more, got 0"),
        (["CartPole-v1", "--timesteps", "-5"], "--timesteps must be 1 or more"),
        (["CartPole-v1", "--seed", "-1"], "--seed must be 0 or more"),
        (["CartPole-v1", "--n-envs", "two"], "--n-envs"),
        (["CartPole-v1", "--learner", "frozn"], "frozen"),
        (["CartPole-v1", "--n-env", "2"], "--n-envs"),
        ([], "env"),
        (["CartPole-v1", "--hw-options", "stuck"], "NAME=VALUE"),
        (["CartPole-v1", "--hw", "memristive", "--hw-options", "stck=0.1"], "stuck"),
        (["CartPole-v1", "--hw", "memristive", "--hw-options", "stuck=2"], "0..1"),
        (["CartPole-v1", "--hw", "memristive", "--hw-options", "stuck=much"], "stuck"),
        (["CartPole-v1", "--rule", "hidden_rat=1"], "hidden_rate"),
        (["CartPole-v1", "--device", "abacus"], "device"),
        (["CartPole-v1", "--device", "meta"], "cpu, cuda or cuda:N"),
        (["CartPole-v1", "--rule", "batch_size=0"], "batch_size must be 1 or more"),
        (["CartPole-v1", "--rule", "gamma=5"], "gamma must be in 0..1"),
        (["CartPole-v1", "--rule", "ent_decay=-1"], "ent_decay must be 0 or more"),
        (["CartPole-v1", "--rule", "hidden_rate=.nan"], "finite"),
        (["CartPole-v1", "--rule", "spread_rate=-1"], "spread_rate must be 0 or more"),
        (
            ["CartPole-v1", "--hw", "memristive", "--hw-options", "write_noise=.inf"],
            "write_noise must be a finite number",
        ),
        (["Pendulum-v1", "--log-std-init", "nan"], "--log-std-init must be a finite number"),
        (["CartPole-v1", "--noise-correlation", "1.5"], "--noise-correlation must be in 0..1 (1 excluded), got 1.5"),
        (["CartPole-v1", "--rule", "hidden_rate=-1"], "hidden_rate must be 0 or more"),
        (["CartPole-v1", "--rule", "gamma=[1,2]"], "[1, 2]"),
        (["CartPole-v1", "--n-steps", "1", "--n-envs", "1"], "a rollout needs 2 samples or more"),
        (["CartPole-v1", "--rule", "frozen=true"], "the rule has no option 'frozen'"),
        (["CartPole-v1", "--hw-options", "stuck=["], "NAME=VALUE"),
        (["no_such_module:Thing-v0"], "no_such_module"),
        pytest.param(
            ["Ant-v2"],
            "cannot load environment 'Ant-v2': The mujoco v2 and v3 based environments have been",
            marks=pytest.mark.filterwarnings("ignore:.*out of date:DeprecationWarning"),
        ),
        (["CartPole-v1", "--out", "x" * 300], "--out"),
        (["CartPole-v1", "--config", "missing.yaml"], "missing.yaml"),
        (["FrozenLake-v1", "--distractors", "3"], "distractors"),
        (["Blackjack-v1"], "observation space"),
    ],
)
def test_mistakes_end_in_one_line_with_code_2(arguments, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["train", *arguments])
    with pytest.raises(SystemExit) as stop:
        run("pib_rl.train", train.main)
    said = capsys.readouterr()
    assert stop.value.code == 2
    assert said.err.count("\n") == 1
    assert words in said.err
    assert not list(tmp_path.iterdir())


def test_other_configuration_in_the_folder_is_refused(finished):
    before = (finished / "policy.safetensors").read_bytes()
    with pytest.raises(UserError, match=r"another configuration \(seed differ"):
        train.main([*SMALL, "--hw", "memristive", "--seed", "4", "--out", str(finished)])
    assert (finished / "policy.safetensors").read_bytes() == before


@pytest.mark.parametrize("damage", [{"eval_mean": "x"}, {"solved_at_step": "x"}, {"env": None}])
def test_a_damaged_result_is_named(finished, tmp_path, damage):
    copy = tmp_path / "copy"
    shutil.copytree(finished, copy)
    result = json.loads((copy / "result.json").read_text())
    (copy / "result.json").write_text(json.dumps(result | damage))
    with pytest.raises(
        UserError, match=rf"is damaged \({next(iter(damage))} missing, unknown or of another kind\); delete"
    ):
        train.show(RunFolder(copy))


def test_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="not a run folder"):
        train.main([*SMALL, "--out", str(tmp_path)])
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_the_final_evaluation_ends_after_so_many_steps(tmp_path, capsys):
    out = tmp_path / "one"
    few = ["--timesteps", "2048", "--looks", "0", "--eval-steps", "40", "--no-progress", "--out", str(out)]
    train.main(["CartPole-v1", *few])
    said = capsys.readouterr().out
    assert "the final evaluation plays 400 episodes at most (100 of the last policy and of the best one," in said
    assert "and begins no more of them after 40 steps; --eval-steps changes that" in said
    assert "10 fresh episodes each" in said
    assert json.loads((out / "result.json").read_text())["eval_episodes"] == 10
    assert "eval_steps: 40" in (out / "config.yaml").read_text()


def test_what_will_run_is_said_before_it_runs(tmp_path, capsys):
    train.main(["CartPole-v1", "--timesteps", "64", "--looks", "0", "--no-progress", "--out", str(tmp_path / "one")])
    said = capsys.readouterr().out
    assert "64 steps were asked for; a rollout has 2,048, so that 2,048 will run" in said
    assert "warning: nothing would be learned: rates fall to 0 after 64 steps" in said
    assert "the final evaluation plays 400 episodes at most, up to 200,000 steps; --eval-episodes 10 is shorter" in said
    short = ["--timesteps", "2048", "--looks", "0", "--eval-episodes", "2", "--no-progress"]
    train.main(["CartPole-v1", *short, "--out", str(tmp_path / "two")])
    assert "asked for" not in (said := capsys.readouterr().out)
    assert "is shorter" not in said
    assert "lower --n-steps to 32 or raise --timesteps to 8,192 or more" in said
    train.main(["CartPole-v1", "--n-steps", "32", *short, "--out", str(tmp_path / "three")])
    assert "nothing" not in capsys.readouterr().out
