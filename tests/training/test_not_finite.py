"""Commands that meet a number that is none end in one line with exit code 2, and keep what was good."""

from __future__ import annotations

import numpy as np
import pytest
from broken_worlds import Broken, register
from stable_baselines3.common.vec_env import DummyVecEnv

from pib_rl import log, train
from pib_rl.agents import PIB
from pib_rl.cli.cli import MISTAKE, UserError, run
from pib_rl.envs.hardware.chips import FreshChip
from pib_rl.physical.substrate import Read
from pib_rl.playing.player import EpisodePlayer
from pib_rl.runs.folder import LAST, RunFolder
from pib_rl.training.evaluation import evaluate

register("BrokenObservation-v0", at=40)
register("BrokenReward-v0", at=40, where="reward")
SMALL = ["--width", "4", "--units", "1", "--n-envs", "2", "--n-steps", "16"]
ARGUMENTS = [*SMALL, "--timesteps", "400", "--looks", "1", "--no-progress"]


def one_line(command, name, arguments, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", [name, *arguments])
    with pytest.raises(SystemExit) as stop:
        run(name, command)
    assert stop.value.code == MISTAKE
    said = capsys.readouterr().err.strip()
    assert "\n" not in said
    return said


@pytest.mark.parametrize("what", ["observation", "reward"])
def test_train_names_it_and_keeps_the_policy_from_before(what, tmp_path, monkeypatch, capsys):
    arguments = [f"Broken{what.capitalize()}-v0", *ARGUMENTS, "--out", str(tmp_path / "run")]
    said = one_line(train.main, "pib_rl.train", arguments, monkeypatch, capsys)
    assert f"the {what} of environment 0 at step 80 is nan" in said
    assert "stopped at step 64 of 400, where it was saved last: python -m pib_rl.train --resume" in said
    state = RunFolder.open(tmp_path / "run").load_policy(LAST)
    assert state["model.normaliser.count"] == 64  # two rollouts of 2 x 16 steps were learned from
    assert all(value.isfinite().all() for value in state.values())


def test_log_refuses_it_when_it_comes(tmp_path, monkeypatch, capsys):
    arguments = ["BrokenObservation-v0", "--n-envs", "2", "--no-progress", "--out", str(tmp_path / "seen.npz")]
    said = one_line(log.main, "pib_rl.log", arguments, monkeypatch, capsys)
    assert "the observation of environment 0 at step 80 is nan at place 1" in said
    assert not (tmp_path / "seen.npz").exists()


def test_a_fresh_chip_takes_no_statistics_from_it():
    with pytest.raises(ValueError, match=r"the observation of environment 0 at step .* is nan at place 1"):
        FreshChip(width=4, units=1, samples=100).network(Broken(at=40))
    model = FreshChip(width=4, units=1, samples=30).network(Broken(at=40))
    assert model.normaliser.mean.isfinite().all()


@pytest.mark.parametrize("where", ["observation", "reward"])
def test_evaluation_refuses_it(where):
    policy = PIB("MlpPolicy", Broken(), n_steps=16, width=4, seed=0).policy
    with pytest.raises(ValueError, match=f"evaluation's {where} of environment 0 at step 5 is nan"):
        evaluate(policy, lambda count: DummyVecEnv([lambda: Broken(at=5, where=where)] * count), 2, Read.NOISY)


@pytest.mark.parametrize("where", ["observation", "reward"])
def test_playing_refuses_it(where):
    player = EpisodePlayer(PIB("MlpPolicy", Broken(), n_steps=16, width=4, seed=0).policy, Broken(at=5, where=where))
    player._begin()
    for _ in range(4):
        player.advance()
    with pytest.raises(UserError, match=f"the {where} of environment 0 at step 5 is nan"):
        player.advance()


def test_logged_observations_keep_what_64_bits_hold(tmp_path):
    register("Timed-v0")
    log.main(["Timed-v0", "--timesteps", "32", "--n-envs", "2", "--no-progress", "--out", str(tmp_path / "x.npz")])
    assert np.load(tmp_path / "x.npz")["x_train"].dtype == np.float64
