"""What scripts that measure speed share: turns, ratios of medians, aims, one line for a wrong argument."""

from __future__ import annotations

import pytest
import timing

from pib_rl.cli.cli import UserError


def test_calls_take_turns_and_first_rounds_do_not_count(capsys):
    seen = []

    def call(name):
        return lambda number: seen.append((name, number)) or float(len(seen))

    found = timing.take_turns({"a": call("a"), "b": call("b")}, range(5, 7), first=1)
    assert seen == [("a", 5), ("b", 5), ("a", 5), ("b", 5), ("a", 6), ("b", 6)]
    assert found == {"a": [3.0, 5.0], "b": [4.0, 6.0]}
    assert "/6 " in capsys.readouterr().err


def test_a_ratio_is_one_of_medians():
    seconds = {"plain": [1.0, 2.0, 90.0], "noisy": [6.0, 3.0, 7.0]}
    assert timing.ratio(seconds, "noisy", "plain") == 3
    assert timing.ratio(seconds, "noisy", "plain", min) == 3
    assert timing.ratio(seconds, "noisy", "plain", max) == pytest.approx(7 / 90)


@pytest.mark.parametrize(
    ("found", "bound", "at_least", "met"),
    [
        (2.0, 2, False, True),
        (2.004, 2, False, True),
        (2.01, 2, False, False),
        (7.9, 8, True, False),
        (8, 8, True, True),
    ],
)
def test_an_aim_is_met_by_what_is_printed(found, bound, at_least, met):
    aim = timing.Aim("reads", found, bound, at_least)
    assert aim.met is met
    sign = ">=" if at_least else "<="
    assert timing.aims_table([aim])[-1] == f"| reads | {found:.2f} | {sign} {bound} | {'yes' if met else 'no'} |"


def test_cpu_seconds_are_those_of_the_call():
    assert timing.cpu(lambda: None) < timing.cpu(lambda: sum(range(300_000)))


def test_a_report_without_aims_shows_its_lines_alone(capsys):
    timing.show(timing.Report(timing.table(("a", "b"), [(1, 2)]), []))
    assert capsys.readouterr().out == "| a | b |\n| --- | --- |\n| 1 | 2 |\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--rounds", "0"], "--rounds: expected a whole number, 1 or more, got '0'; see --help"),
        (["--rounds", "1.5"], "got '1.5'"),
        (["--figure", "picture.jpg"], "--figure: expected the path of a .png file in a folder that is there"),
        (["--figure", "/no/such/folder/picture.png"], "in a folder that is there"),
        (["--nothing"], "unrecognized arguments: --nothing"),
    ],
)
def test_a_wrong_argument_is_one_line(arguments, words):
    parser = timing.Parser("what it does")
    parser.add_argument("--rounds", type=timing.whole(1))
    parser.add_argument("--figure", type=timing.picture_path)
    with pytest.raises(UserError) as caught:
        parser.parse_args(arguments)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_versions_name_what_figures_depend_on():
    assert all(name in timing.versions() for name in ("Python 3", "torch 2", "numpy", "stable-baselines3"))
