"""python -m pib_rl.train --chips N: what a wafer's run leaves, prints, and lets others do with one of its chips."""

from __future__ import annotations

import csv
import json
import shlex

import numpy as np
import pytest
import torch

from pib_rl import log, train
from pib_rl.cli.cli import UserError
from pib_rl.runs import wafer as run_wafer
from pib_rl.runs.folder import LAST, RunFolder
from pib_rl.runs.result import RunResult
from pib_rl.training import observations, room
from pib_rl.training import run as training_run
from pib_rl.training.config import from_arguments
from pib_rl.training.load import load
from pib_rl.training.loop import close
from pib_rl.training.wafer_summary import wafer_summary

pytestmark = pytest.mark.usefixtures("few_steps")

TINY = ["CartPole-v1", "--hw", "memristive", "--width", "4", "--n-envs", "4", "--n-steps", "32", "--no-progress"]
TINY += ["--timesteps", "384", "--eval-episodes", "2"]
WAFER = [*TINY, "--chips", "3", "--seed", "5", "--looks", "1", "--fault", "stuck:0..0.4@start", "dead-unit:1@256"]

WEAR = "model.network.units.0.array.wear"


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    pytest.importorskip("torch.utils.tensorboard")
    folder = tmp_path_factory.mktemp("runs") / "a wafer"
    train.main([*WAFER, "--tensorboard", "--out", str(folder)])
    return folder


def table(folder, name):
    return list(csv.DictReader((folder / name).open(newline="")))


def test_the_run_folder_has_tables_and_pictures(finished):
    names = {path.name for path in finished.iterdir()}
    assert names >= {"chips.csv", "chip_curves.csv", "yield.png", "learning_curve.png", "information_plane.png"}
    assert (finished / "yield.png").read_bytes().startswith(b"\x89PNG")
    assert [len(row) for row in table(finished, "chip_curves.csv")] == [4, 4]


def test_a_row_per_chip_adds_up_to_the_result(finished):
    rows, result = table(finished, "chips.csv"), json.loads((finished / "result.json").read_text())
    assert [(row["chip"], row["seed"], float(row["stuck"])) for row in rows] == [
        ("0", "5", 0.0),
        ("1", "6", 0.2),
        ("2", "7", 0.4),
    ]
    for name in ("eval_mean", "eval_mean_noiseless", "best_eval_mean", "best_eval_mean_noiseless"):
        assert np.mean([float(row[name]) for row in rows]) == pytest.approx(result[name]), name
    assert sum(float(row["writes"]) for row in rows) == result["writes"]
    finals = [float(row["eval_mean"]) for row in rows]
    assert (result["worst_chip"], result["worst_chip_mean"]) == (int(np.argmin(finals)), min(finals))
    assert result["chips_median"] == np.median(finals)


def test_the_log_counts_the_steps_of_one_chip(finished):
    rows = table(finished, "progress.csv")
    assert [row["time/total_timesteps"] for row in rows] == ["128", "256", "384", "384"]
    assert all(float(row["rollout/return"]) > 0 for row in rows[:3])


def test_tensorboard_shows_a_wafer(finished):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(finished / "tensorboard"))
    events.Reload()
    assert {"weights/unit1", "weights/readout", "pictures/information_plane"} <= set(events.Tags()["images"])
    assert "eval/mean_reward" in events.Tags()["scalars"]


def test_a_finished_wafer_prints_its_yield_and_how_to_see_the_worst_chip(finished, capsys):
    result = json.loads((finished / "result.json").read_text())
    worst = result["worst_chip"]
    train.main([*WAFER, "--out", str(finished)])
    said = capsys.readouterr().out
    assert "3 chips" in said
    assert "0 of 3 solved the task at the end, median" in said
    assert f"chip {worst} (seed {5 + worst}, stuck {0.2 * worst:.3g}, dead-unit 1)" in said
    play, alone = (shlex.split(line.partition(": ")[2]) for line in said.splitlines() if "python -m" in line)
    assert play[2:] == ["pib_rl.play", str(finished), "--chip", str(worst), "--render", "human"]
    config = from_arguments(alone[3:], train.NAME)
    assert (config.chips, config.seed, config.width) == (1, 5 + worst, 4)
    assert [(fault.kind, fault.size, fault.last, fault.step) for fault in config.faults()] == [
        ("stuck", pytest.approx(0.2 * worst), None, 0),
        ("dead-unit", 1.0, None, 256),
    ]


def test_without_a_threshold_nothing_is_said_of_solving(finished):
    result = RunResult(kind="train", seed=5, chips=3, worst_chip=2, worst_chip_mean=1.0, chips_median=2.0)
    said = wafer_summary(RunFolder(finished), result)[0]
    assert said == "chips: median 2.00, worst 1.00: chip 2 (seed 7, stuck 0.4, dead-unit 1)"


def test_a_chip_made_alone_is_the_chip_of_the_wafer():
    whole = training_run.build(from_arguments([*TINY, "--chips", "3", "--seed", "5"], train.NAME))
    alone = training_run.build(from_arguments([*TINY, "--seed", "7"], train.NAME))
    arrays = [unit.array.weights() for unit in whole.policy.model.network.chain]
    for weights, unit in zip(arrays, alone.policy.model.network.chain, strict=True):
        torch.testing.assert_close(weights[2], unit.array.weights())
        assert not torch.equal(weights[0], weights[2])
    close(whole)
    close(alone)


def test_logging_takes_the_chip_that_is_asked_for(finished, tmp_path, monkeypatch):
    asked, given = [], observations.load
    monkeypatch.setattr(observations, "load", lambda *args: asked.append(args[2]) or given(*args))
    common = ["CartPole-v1", "--timesteps", "40", "--no-progress", "--policy", str(finished)]
    seen = []
    for number, chip in enumerate(([], ["--chip", "2"])):
        log.main([*common, *chip, "--out", str(tmp_path / f"{number}.npz")])
        seen.append(np.load(tmp_path / f"{number}.npz")["x_next"])
    assert asked == [None, 2]
    assert seen[0].shape != seen[1].shape or not np.array_equal(*seen)
    with pytest.raises(UserError, match=r"--chip must be in 0\.\.2"):
        log.main([*common, "--chip", "3", "--out", str(tmp_path / "new.npz")])
    with pytest.raises(UserError, match="--chip 1 chooses a chip of --policy: give that too"):
        log.main(["CartPole-v1", "--chip", "1", "--out", str(tmp_path / "new.npz")])
    assert not (tmp_path / "new.npz").exists()


def test_a_wafer_goes_on_with_the_units_of_another(finished, tmp_path):
    config = from_arguments([*TINY, "--init", str(finished), "--out", str(tmp_path / "new")], train.NAME)
    assert config.chips == 3
    model = training_run.prepare(config)
    before = RunFolder(finished).load_policy(LAST)
    assert torch.equal(model.policy.state_dict()[WEAR], before[WEAR])
    assert before[WEAR].shape == (3, 4, 4)
    close(model)
    with pytest.raises(UserError, match="has chips 3, this run asks for 2; leave --chips out"):
        from_arguments([*TINY, "--chips", "2", "--init", str(finished)], train.NAME)


def test_a_loaded_chip_has_its_own_state(finished):
    whole = RunFolder(finished).load_policy(LAST)
    for chip in (0, 2):
        model, task = load(RunFolder(finished), LAST, chip)
        assert (task.seed, task.chips, task.fault) == (5 + chip, 1, ())
        assert torch.equal(model.policy.state_dict()[WEAR], whole[WEAR][chip])
        close(model)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--chips", "0"], "--chips must be 1 or more, got 0"),
        (["--chips", "1000000"], "--chips must be 10000 or less, got 1000000"),
        (["--chips", "4", "--chip", "9"], "--chip must be in 0..3, one of the --chips 4, got 9"),
        (["--chip", "2"], "--chip chooses one of several chips, got --chip 2; give --chips too"),
        (["--fault", "stuck:0.1..0.5"], "has a size per chip, and there is one chip; give one size, or more chips"),
        (["--fault", "adc-bits:4..8", "--chips", "4"], "adc-bits has one size for all chips, got 4..8; kinds with"),
        (["--learner", "backprop", "--chips", "4"], "--learner backprop trains one chip at a time, got --chips 4;"),
        (["--hw", "remote", "--chips", "4"], "--hw remote is one chip, got --chips 4; leave --chips out"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(arguments, said, tmp_path):
    with pytest.raises(UserError) as caught:
        train.main([*TINY, *arguments, "--out", str(tmp_path / "new")])
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "new").exists()


def test_a_wafer_that_does_not_fit_is_told_how_many_chips_do(tmp_path, monkeypatch):
    monkeypatch.setattr(room, "chip_bytes", lambda agent: 3e8)
    monkeypatch.setattr("pib_rl.cli.room.free_bytes", lambda device: 1e9)
    with pytest.raises(UserError, match=r"--chips 4 need about 1\.2 GB and 1\.0 GB are free; at most 3 chips fit"):
        train.main([*TINY, "--chips", "4", "--out", str(tmp_path / "new")])
    assert not (tmp_path / "new").exists()


def test_the_figure_names_what_differs_between_chips(tmp_path, monkeypatch):
    seen, drawn = [], run_wafer.yield_figure
    monkeypatch.setattr(run_wafer, "yield_figure", lambda scores, title: seen.append(scores) or drawn(scores, title))
    train.main([*TINY, "--chips", "2", "--fault", "stuck:0.1..0.3", "--out", str(tmp_path / "new")])
    assert seen[0].severity_name == "stuck: fraction of devices"
    assert seen[0].severity.tolist() == pytest.approx([0.1, 0.3])
