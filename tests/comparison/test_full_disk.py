"""A comparison whose disk is full says so, and the same command goes on."""

from __future__ import annotations

import pytest
from full_disk import Disk
from here import PROCESSES
from one_line import stops

from pib_rl import compare
from pib_rl.cli.cli import run
from pib_rl.comparison import processes

SMALL = ["CartPole-v1", "--hw", "digital", "--learner", "frozen", "--seeds", "1", "--timesteps", "64", "--width", "4"]
ARGUMENTS = [*SMALL, "--eval-episodes", "1", "--jobs", "1", "--no-progress"]


@pytest.fixture(autouse=True)
def here(monkeypatch):
    monkeypatch.setattr(processes, "subprocess", PROCESSES)


@pytest.mark.parametrize(
    ("pattern", "call"),
    [("comparison.yaml", 1), pytest.param("frozen-*.yaml", 1, marks=pytest.mark.slow), ("report.html", 1)],
    ids=lambda value: str(value),
)
def test_its_own_files(pattern, call, tmp_path, monkeypatch, capsys):
    path = tmp_path / "one"
    arguments = [*ARGUMENTS, "--out", str(path)]
    with monkeypatch.context() as patch:
        disk = Disk(patch, pattern, call)
        said = stops(compare, arguments, patch, capsys)
    assert disk.full
    assert "No space left on device" in said
    assert str(path) in said
    compare.main(arguments)
    assert (path / "report.html").is_file()
    assert len(list(path.glob("runs/*/result.json"))) == 2


def test_those_of_a_run(tmp_path, monkeypatch, capsys):
    """The run says it in its log, the report could be written, and the exit code is that of a run that failed."""
    path = tmp_path / "one"

    class OfRuns(Disk):
        def use(self, file):
            if "frozen" in str(file) and "unfinished" in str(file):
                super().use(file)

    with monkeypatch.context() as patch:
        OfRuns(patch, "policy*")
        patch.setattr("sys.argv", ["command", *ARGUMENTS, "--out", str(path)])
        with pytest.raises(SystemExit) as stop:
            run(compare.NAME, compare.main)
    assert stop.value.code == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert "failed: frozen-digital-s100: pib_rl.train: error: cannot use " in said
    assert "No space left on device; make room; stopped " in said
    assert len(list(path.glob("runs/*/result.json"))) == 1
    compare.main([*ARGUMENTS, "--out", str(path)])
    assert len(list(path.glob("runs/*/result.json"))) == 2
