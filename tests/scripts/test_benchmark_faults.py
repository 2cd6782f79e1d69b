"""The script that measures faults: it trains, breaks, goes on where it stopped, and prints means and deviations."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from here import PROCESSES
from script_loader import load_script


@pytest.fixture
def script(monkeypatch):
    module = load_script("benchmark_faults")
    monkeypatch.setattr(
        module,
        "TASKS",
        {
            "digits": module.Task(
                "learn",
                ("--width", "6", "--units", "1", "--epochs", "2"),
                {"memristive": "stuck:0.5"},
                ("--epochs", "1"),
            )
        },
    )
    return module


def measure(script, monkeypatch, out: Path, *others: str) -> None:
    monkeypatch.setattr(
        sys,
        "argv",
        ["benchmark_faults.py", "--hw", "memristive", "--data", "digits", "--jobs", "1", "--out", str(out), *others],
    )
    script.main()


def result(folder: Path, before: float, after: float, finals: list[float]) -> None:
    folder.mkdir(parents=True)
    learners = {name: {"final": final} for name, final in zip(("pib", "frozen", "backprop-stale"), finals, strict=True)}
    content = {"before": before, "after": after, "percent": True, "learners": learners}
    (folder / "result.json").write_text(json.dumps(content))


def test_a_chip_is_trained_broken_and_measured(script, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(script.jobs, "subprocess", PROCESSES)
    half = tmp_path / "digits-memristive-s7-adapted"
    half.mkdir()
    (half / "config.yaml").write_text("{}")  # broken off
    measure(script, monkeypatch, tmp_path, "--seeds", "7")
    out = capsys.readouterr().out
    assert "| substrate | fault | before | after it | PIB | frozen units | backprop, twin of before | chips |" in out
    found = json.loads((half / "result.json").read_text())
    assert (found["faults"], found["length"], found["adapt_seed"]) == (["stuck:0.5"], 1, 7)
    assert f"| {100 * found['before']:.2f} | {100 * found['after']:.2f} |" in out


def test_finished_chips_are_not_repeated_and_tables_are_means_and_deviations(script, monkeypatch, tmp_path, capsys):
    for seed, shift in ((1, 0.0), (2, 0.1)):
        (tmp_path / f"digits-memristive-s{seed}").mkdir()
        (tmp_path / f"digits-memristive-s{seed}" / "result.json").write_text("{}")
        result(tmp_path / f"digits-memristive-s{seed}-adapted", 0.9, 0.1 + shift, [0.8, 0.7, 0.6 + shift])
    monkeypatch.setattr(script.jobs, "call", lambda *_: pytest.fail("nothing is missing"))
    measure(script, monkeypatch, tmp_path, "--seeds", "1", "2")
    line = capsys.readouterr().out.splitlines()[-1]
    assert line == (
        "| memristive | `stuck:0.5` | 90.00 +- 0.00 | 15.00 +- 7.07 | 80.00 +- 0.00 | 70.00 +- 0.00 | "
        "65.00 +- 7.07 | 2 |"
    )


def test_a_failing_chip_is_told_and_leaves_an_empty_place(script, monkeypatch, tmp_path, capsys):
    with pytest.raises(SystemExit, match="1"):
        measure(script, monkeypatch, tmp_path, "--seeds", "1", "--data", "nowhere.npz")
    said = capsys.readouterr()
    assert "there is no file nowhere.npz" in said.err
    assert said.out.splitlines()[-1] == "| memristive | `stuck:0.5` | - | - | - | - | - | 0 |"
