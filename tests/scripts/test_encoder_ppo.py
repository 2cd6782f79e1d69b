"""The script that trains PPO on top of hardware: one small chip, learned and as fabricated."""

from __future__ import annotations

import argparse

import numpy as np
import pytest
from script_loader import load_script

from pib_rl import learn, log


@pytest.fixture
def script(monkeypatch):
    module = load_script("encoder_ppo")
    for name, value in (("STEPS", 256), ("EPISODES", 4), ("LOGGED", 100)):
        monkeypatch.setattr(module, name, value)
    return module


def test_both_kinds_of_units_of_each_seed_come_into_the_table(script, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(script, "learned", lambda seed, options: tmp_path)
    monkeypatch.setattr(script, "call", lambda *arguments: "480.0" if "--run" in arguments else "120.0")
    monkeypatch.setattr("sys.argv", ["encoder_ppo.py", "--seeds", "3", "4", "--out", str(tmp_path / "new")])
    script.main()
    said = capsys.readouterr().out
    assert "| unsupervised | 480.0 | 480.0 | 2 of 2 |" in said
    assert "| fabricated | 120.0 | 120.0 | 0 of 2 |" in said


def test_units_learn_from_single_observations_and_carry_ppo(script, monkeypatch, tmp_path):
    commands = {"pib_rl.log": log.main, "pib_rl.learn": learn.main}
    monkeypatch.setattr(script, "call", lambda _, module, *rest: commands[module](list(rest)))
    options = argparse.Namespace(out=tmp_path, hw="memristive", width=4, one=5)
    options.run = script.learned(5, options)
    with np.load(tmp_path / "CartPole-v1-s5.npz") as logged:
        assert logged.files == ["x_train"]
    assert script.learned(5, options) == options.run, "what is finished is not made again"
    assert 5 < script.one(options) <= 500
    options.run = None
    assert 5 < script.one(options) <= 500


def test_a_failing_command_is_told_with_its_last_words(script):
    with pytest.raises(RuntimeError, match="no_such_module"):
        script.call("-m", "no_such_module")
