"""The tables of scripts/scale_check.py, small."""

from __future__ import annotations

import pytest
from script_loader import load_script

check = load_script("scale_check")


def test_a_mean_further_below_than_a_standard_deviation_is_marked():
    found = {check.PLAIN: [0.9, 0.96], "x 2": [0.91, 0.9], "x 3": [0.8, 0.9]}
    line, fine = check.row("digital", found, 0.005, 3)
    assert line == "| digital | 0.930 ± 0.030 | 0.905 ± 0.005 | 0.850 ± 0.050* |"
    assert not fine
    assert check.row("digital", {name: found[name] for name in (check.PLAIN, "x 2")}, 0.005, 3)[1]


def test_breast_cancer_is_the_same_in_all_units(monkeypatch):
    chosen = {name: check.FEATURES[name] for name in (check.PLAIN, "x 1e-12", "+ 1e8", "column 7 x 1e-6")}
    monkeypatch.setattr(check, "FEATURES", chosen)
    text, fine = check.tables(["digital"], 1, 3, 0, "cancer")
    assert fine, text
    assert len(text.splitlines()) == 3


def test_cartpole_comes_in_other_units_and_is_counted_in_its_own():
    env = check.cartpole(1e6, 1e-6)
    obs, _ = env.reset(seed=0)
    assert 1e3 < abs(obs).max() < 1e5
    assert env.step(1)[1] == pytest.approx(1e-6)
    assert check.steps_survived(1e-6, 1.0, 0, 64) >= 8


def test_the_command_exits_with_1_where_something_is_off(monkeypatch, capsys):
    monkeypatch.setattr(
        check, "accuracy", lambda hw, change, seed, epochs: 0.9 if change(check.np.ones((1, 9)))[0, 0] == 1 else 0.5
    )
    with pytest.raises(SystemExit) as stop:
        check.main(["--only", "cancer", "--seeds", "1", "--substrates", "digital"])
    assert stop.value.code == 1
    assert "0.500 ± 0.000*" in capsys.readouterr().out
