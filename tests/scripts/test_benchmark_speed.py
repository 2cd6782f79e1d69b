"""The script that makes all figures of speed: rows by name, one table of aims, a failing row at the end."""

from __future__ import annotations

import inspect

import benchmark_speed
import pytest
from timing import Aim, Report

from pib_rl.cli.cli import UserError


@pytest.fixture
def asked(monkeypatch):
    """Options that each row was made with."""
    seen = {}

    def row(name):
        def report(**options):
            seen[name] = options
            if name == "wafer":
                raise ValueError("no room")
            return Report([f"| {name} |"], [Aim(name, 1.0, 2.0)])

        return report

    monkeypatch.setattr(benchmark_speed, "ROWS", {name: row(name) for name in benchmark_speed.ROWS})
    return seen


def test_rows_that_are_asked_for_and_one_table_of_aims(asked, capsys, tmp_path):
    figure = tmp_path / "bars.png"
    benchmark_speed.main(["--only", "iteration", "solve", "--seeds", "4", "5", "--figure", str(figure)])
    out = capsys.readouterr().out
    assert asked == {"solve": {"seeds": [4, 5]}, "iteration": {"picture": figure}}
    assert out.index("### solve\n\n| solve |") < out.index("### iteration\n\n| iteration |") < out.index("### aims")
    assert out.endswith("| solve | 1.00 | <= 2 | yes |\n| iteration | 1.00 | <= 2 | yes |\n")


def test_a_row_that_fails_is_told_at_the_end_and_the_others_go_on(asked, capsys):
    with pytest.raises(SystemExit, match="1"):
        benchmark_speed.main(["--data", "digits"])
    said = capsys.readouterr()
    assert list(asked) == list(benchmark_speed.ROWS)
    assert asked["epoch"] == {"data": "digits"}
    assert said.err.splitlines()[-1] == "wafer failed: no room"
    assert "| epoch | 1.00 |" in said.out


def test_options_of_a_first_look_are_options_of_the_rows():
    assert list(benchmark_speed.QUICK) == list(benchmark_speed.ROWS)
    for row, options in benchmark_speed.QUICK.items():
        inspect.signature(benchmark_speed.ROWS[row]).bind(**options)


def test_the_help_names_every_row():
    assert all(f"\n    {row} " in benchmark_speed.__doc__ for row in benchmark_speed.ROWS)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--only", "speed"], "invalid choice: 'speed'"),
        (["--seeds", "-1"], "expected a whole number, 0 or more, got '-1'"),
        (["--data", "nowhere.npz"], "there is no file nowhere.npz"),
        (["--only", "reads", "--figure", "bars.png"], "--figure draws the row iteration"),
    ],
)
def test_a_wrong_argument_is_one_line_before_anything_is_measured(asked, arguments, words):
    with pytest.raises(UserError, match=words):
        benchmark_speed.main(arguments)
    assert not asked
