"""When a training is evaluated: by default, as asked for, and what that leaves in the run folder."""

from __future__ import annotations

import csv
import json

import pytest
import torch
import yaml
from safetensors.torch import load_file

from pib_rl import train
from pib_rl.cli.cli import UserError, run
from pib_rl.comparison.config import CompareConfig
from pib_rl.comparison.plan import plan
from pib_rl.training import baselines
from pib_rl.training import run as training_run
from pib_rl.training.config import from_arguments
from pib_rl.training.schedule import look_steps, looks_by_default

pytestmark = pytest.mark.usefixtures("few_steps")

SMALL = ["CartPole-v1", "--hw", "memristive", "--width", "8", "--n-envs", "8", "--n-steps", "32", "--timesteps", "1024"]
SHORT = [*SMALL, "--eval-episodes", "2", "--no-progress"]


@pytest.mark.parametrize(
    ("timesteps", "episode_steps", "looks"),
    [
        (39_999, 500, 0),
        (40_000, 500, 1),
        (80_000, 500, 2),
        (200_000, 200, 12),
        (10**9, 500, 20),
        (79_999, None, 0),
        (160_000, None, 2),
        (1, 500, 0),
    ],
)
def test_one_look_per_eighty_longest_episodes(timesteps, episode_steps, looks):
    assert looks_by_default(timesteps, episode_steps) == looks


def test_looks_divide_the_training_in_equal_parts():
    assert look_steps(100, 4, 500) == [20, 40, 60, 80]
    assert look_steps(10, 2, 500) == [4, 7]  # never before its time
    assert look_steps(40_960, None, 500) == [20_480]
    assert look_steps(100, 0, 500) == []
    assert min(look_steps(10, 100, 500)) > 0, "the untrained policy is not evaluated"


def steps(folder):
    return [int(row["timesteps"]) for row in csv.DictReader((folder / "evaluations.csv").open())]


@pytest.fixture(scope="module")
def looked(tmp_path_factory):
    """The same training with no evaluation on the way, three, and more than it has rollouts (four)."""
    folder = tmp_path_factory.mktemp("runs")
    for looks in (0, 3, 50):
        train.main([*SHORT, "--looks", str(looks), "--out", str(folder / str(looks))])
    return folder


@pytest.mark.parametrize(("looks", "expected"), [(0, [1024]), (3, [256, 512, 768, 1024]), (50, [256, 512, 768, 1024])])
def test_a_training_is_evaluated_as_often_as_asked(looked, looks, expected):
    assert steps(looked / str(looks)) == expected
    assert yaml.safe_load((looked / str(looks) / "config.yaml").read_text())["looks"] == looks


def test_neither_policy_nor_final_evaluation_depends_on_looks(looked):
    """On noisy hardware: an evaluation draws nothing that another one draws from."""
    states = [load_file(looked / looks / "policy.safetensors") for looks in ("0", "3")]
    for name, value in states[0].items():  # each time that it is saved, a meter rounds the sum of energy
        torch.testing.assert_close(value, states[1][name], rtol=1e-12 if name.endswith("meter.energy") else 0, atol=0)
    results = [json.loads((looked / looks / "result.json").read_text()) for looks in ("0", "3", "50")]
    for name in ("eval_mean", "eval_mean_noiseless", "measurements"):
        assert len({result[name] for result in results}) == 1, name


def test_a_run_without_looks_is_the_one_that_it_was():
    plain = from_arguments(SMALL, train.NAME)
    assert "looks" not in plain.identity()
    assert plain.identity() != from_arguments([*SMALL, "--looks", "3"], train.NAME).identity()


def test_the_last_policy_plays_once_where_it_is_the_best(tmp_path, monkeypatch):
    played = []
    plays = training_run.evaluate

    def counted(policy, make_env, episodes, *others):
        played.append((make_env.keywords["stream"], episodes))
        return plays(policy, make_env, episodes, *others)

    monkeypatch.setattr(training_run, "evaluate", counted)
    train.main([*SHORT, "--looks", "0", "--out", str(tmp_path / "run")])
    assert played == [("evaluation", 20), ("final-noisy", 2), ("final-mean", 2)]
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["best_eval_mean"] == result["eval_mean"]
    assert result["best_eval_mean_noiseless"] == result["eval_mean_noiseless"]


def test_another_best_policy_plays_itself(tmp_path, monkeypatch):
    played, scores = [], iter([9.0, 1.0])
    monkeypatch.setattr(
        training_run,
        "evaluate",
        lambda policy, make_env, *others: (
            played.append(make_env.keywords["stream"]) or training_run.np.full(2, next(scores, 3.0))
        ),
    )
    train.main([*SHORT, "--looks", "1", "--out", str(tmp_path / "run")])
    assert played[-4:] == ["final-best_noisy", "final-best_mean", "final-noisy", "final-mean"]


def test_a_comparison_evaluates_all_alike():
    config = CompareConfig(
        env="CartPole-v1", hw=("digital",), learner=("frozen", "ppo"), seeds=1, timesteps=2500, looks=7
    )
    assert [job.settings().looks for job in plan(config)] == [7, 7, 7]
    assert config.identity()["looks"] == 7
    assert "looks" not in CompareConfig(env="CartPole-v1").identity(), "folders of before go on"


@pytest.mark.parametrize("command", [train.main, baselines.main])
@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("-1", "--looks must be 0 or more, got -1"),
        ("1.5", "--looks must be a whole number, got '1.5'"),
        ("many", "--looks must be a whole number, got 'many'"),
    ],
)
def test_a_wrong_number_of_looks_is_told_in_one_line(command, value, said, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["command", "CartPole-v1", "--looks", value])
    with pytest.raises(SystemExit) as stop:
        run("command", command)
    error = capsys.readouterr().err
    assert stop.value.code == 2
    assert error.count("\n") == 1
    assert said in error


def test_a_wrong_number_in_a_file_is_told(tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text("env: CartPole-v1\nlooks: 1.5\n")
    with pytest.raises(UserError, match=r"looks.*1\.5"):
        from_arguments(["--config", str(path)], train.NAME)
