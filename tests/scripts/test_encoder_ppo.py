"""The script that trains PPO on top of hardware: one small chip, learned and as fabricated."""

from __future__ import annotations

import argparse

import numpy as np
import pytest
from here import PROCESSES
from script_loader import load_script


@pytest.fixture
def script(monkeypatch):
    module = load_script("encoder_ppo")
    for name, value in (("STEPS", 256), ("EPISODES", 4), ("LOGGED", 100)):
        monkeypatch.setattr(module, name, value)
    return module


def test_both_kinds_of_units_of_each_seed_come_into_the_table(script, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(script, "trained", lambda seed, units, options: 480.0 if units == "unsupervised" else 120.0)
    arguments = ["encoder_ppo.py", "--seeds", "3", "4", "--out", str(tmp_path / "new"), "--jobs", "1"]
    monkeypatch.setattr("sys.argv", arguments)
    script.main()
    said = capsys.readouterr().out
    assert "| unsupervised | 480.0 | 480.0 | 2 of 2 |" in said
    assert "| fabricated | 120.0 | 120.0 | 0 of 2 |" in said


def test_units_learn_from_single_observations_and_carry_ppo(script, monkeypatch, tmp_path):
    monkeypatch.setattr(script.jobs, "subprocess", PROCESSES)
    options = argparse.Namespace(out=tmp_path, hw="memristive", width=4)
    run = script.learned(5, options)
    with np.load(tmp_path / "CartPole-v1-s5.npz") as logged:
        assert logged.files == ["x_train"]
    monkeypatch.setattr(script.jobs, "call", lambda *_: pytest.fail("what is finished is not made again"))
    assert script.learned(5, options) == run
    for units in script.UNITS:
        assert 5 < script.trained(5, units, options) <= 500
