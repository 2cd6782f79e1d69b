"""The script that gathers comparisons in one table: what is new replaces what is old, the rest stays."""

from __future__ import annotations

import contextlib
import csv
import io
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from script_loader import load_script

from pib_rl.cli.cli import run
from pib_rl.comparison.folder import MARK

SCRIPT = load_script("benchmark_table")
ACROBOT = {"env": "Acrobot-v1", "timesteps": 200_000, "width": 64, "distractors": 0}


def save(path: Path, finals: dict[str, list[float]], first_seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, SCRIPT.ROW, restval="")
        writer.writeheader()
        for learner, returns in finals.items():
            hw = "software" if learner == "ppo" else "optical"
            writer.writerows(
                {"learner": learner, "hw": hw, "seed": seed, "eval_mean": final}
                for seed, final in enumerate(returns, first_seed)
            )


class Done(NamedTuple):
    """How a command ended, and what it said."""

    returncode: int
    stdout: str
    stderr: str


def table(comparisons: Path, results: Path) -> Done:
    out, err, code = io.StringIO(), io.StringIO(), 0
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        patch.setattr("sys.argv", ["benchmark_table.py", str(comparisons), str(results)])
        try:
            run("benchmark_table", SCRIPT.main)
        except SystemExit as stop:
            code = int(stop.code or 0)
    return Done(code, out.getvalue(), err.getvalue())


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    comparisons, results = tmp_path / "comparisons", tmp_path / "results"
    results.mkdir()
    (comparisons / "acrobot").mkdir(parents=True)
    (comparisons / "acrobot" / MARK).write_text(yaml.safe_dump(ACROBOT))
    return comparisons, results


def test_new_runs_replace_old_ones_and_the_rest_stays(folders: tuple[Path, Path]) -> None:
    comparisons, results = folders
    save(results / "acrobot.csv", {"pib": [-500] * 5, "frozen": [-90] * 5, "ppo": [-85] * 5})
    save(comparisons / "acrobot" / "results.csv", {"pib": [-80] * 5})
    head, _, row = table(comparisons, results).stdout.splitlines()
    assert head == "| task | to reach | substrate | PIB | frozen | PPO, software | PIB beside frozen | chips ahead |"
    assert row == (
        "| Acrobot-v1, 200k | -82, not worse than frozen | optical | -80.0 [-80.0, -80.0] | "
        "-90.0 [-90.0, -90.0] | -85.0 [-85.0, -85.0] | better | 5 of 5 |"
    )
    assert len(list(csv.DictReader((results / "acrobot.csv").open()))) == 15


def test_missing_runs_are_counted(folders: tuple[Path, Path]) -> None:
    comparisons, results = folders
    save(comparisons / "acrobot" / "results.csv", {"pib": [-80] * 4, "frozen": [-90, -91, -92]})
    shown = table(comparisons, results).stdout
    assert "-80.0 [-80.0, -80.0] (4 runs)" in shown
    assert "-91.0 [-92.0, -90.0] (3 runs)" in shown
    assert "| 3 of 3 |" in shown  # of the chips that both had


def test_more_runs_than_were_asked_for_are_counted_too(folders: tuple[Path, Path]) -> None:
    comparisons, results = folders
    save(results / "acrobot.csv", {"pib": [-80] * 7, "frozen": [-90] * 5})
    shown = table(comparisons, results).stdout
    assert "-80.0 [-80.0, -80.0] (7 runs) | -90.0 [-90.0, -90.0] |" in shown


def test_a_comparison_of_another_task_is_refused_and_nothing_is_written(folders: tuple[Path, Path]) -> None:
    comparisons, results = folders
    (comparisons / "acrobot" / MARK).write_text(yaml.safe_dump(ACROBOT | {"width": 16}))
    save(comparisons / "acrobot" / "results.csv", {"pib": [-80]})
    done = table(comparisons, results)
    assert done.returncode == 2
    assert "compares another task" in done.stderr
    assert not list(results.iterdir())


def test_damaged_raw_data_is_one_line_and_stays(folders: tuple[Path, Path]) -> None:
    comparisons, results = folders
    save(results / "acrobot.csv", {"pib": ["high"]})
    before = (results / "acrobot.csv").read_bytes()
    save(comparisons / "acrobot" / "results.csv", {"pib": [-80] * 4})
    done = table(comparisons, results)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "acrobot.csv is no results.csv" in done.stderr
    assert (results / "acrobot.csv").read_bytes() == before


def test_a_missing_folder_is_one_line(tmp_path: Path) -> None:
    done = table(tmp_path / "nowhere", tmp_path)
    assert done.returncode == 2
    assert "nowhere is no folder" in done.stderr
    assert done.stderr.count("\n") == 1


def test_rows_of_before_may_lack_a_column() -> None:
    rows = SCRIPT.written([{"seed": "1"}, {"seed": "2", "wafer_chips": "5"}]).decode()
    assert rows == "seed,wafer_chips\n1,\n2,5\n"
