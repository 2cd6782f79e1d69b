"""scripts/soak.py: what grows is found, what does not is not, and rounds do what they say."""

from __future__ import annotations

import csv
import math
import os

import pytest
from script_loader import load_script

script = load_script("soak")
SMALL = script.Settings(minutes=0, hw=("digital",), timesteps=128, frames=2)


def samples(memory=0.0, files=0.0, noise=0.0):
    """An hour, a sample per minute; memory settles in the first minutes."""
    return [
        script.Sample(60.0 * at, 300 - 200 / at**2 + memory * at / 60 + noise * (-1) ** at, 40 + int(files * at / 60))
        for at in range(1, 61)
    ]


def test_the_slope_and_its_error_are_those_of_least_squares():
    found = script.slope([0, 3600, 7200, 10800, 14400], [1, 3, 2, 5, 4])
    assert found.per_hour == pytest.approx(0.8)
    assert found.error == pytest.approx(math.sqrt(3.6 / 3 / 10))
    assert script.slope([0, 3600], [0, 9]).error == math.inf


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        (samples(), 0, ""),
        (samples(memory=10), 0, "+11."),
        (samples(memory=60), 1, "memory grow too fast"),
        (samples(memory=60, noise=600), 0, "MB per hour"),
        (samples(files=30), 1, "open files grow too fast"),
    ],
    ids=["flat", "below the bound", "memory", "by chance", "files"],
)
def test_what_grows_fast_and_surely_is_told(given, code, said, capsys):
    assert script.report(script.Settings(), given) == code
    assert said in capsys.readouterr().out


def test_the_first_fifth_is_left_out():
    assert script.settled(samples())[0].seconds == 720


def test_rounds_go_on_until_the_time_is_over_and_an_open_file_is_counted():
    opened = []

    found = script.soak(0.05, lambda: opened.append(os.open(os.devnull, os.O_RDONLY)))
    for one in opened:
        os.close(one)
    assert len(found) > 1
    assert 0 < found[0].seconds < found[-1].seconds
    assert found[-1].files - found[0].files == len(found) - 1


def test_a_round_trains_and_films_and_leaves_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(script.tempfile, "tempdir", str(tmp_path))
    played = []
    play = script.play.main
    monkeypatch.setattr(script.play, "main", lambda arguments: played.append(arguments[0]) or play(arguments))
    table = tmp_path.parent / f"{tmp_path.name}.csv"
    assert script.main(SMALL._replace(csv=table)) == 0
    assert len(played) == 1
    assert not list(tmp_path.iterdir())
    assert "1 rounds in" in capsys.readouterr().out
    (row,) = csv.DictReader(table.open())
    assert float(row["resident_mb"]) > 50
    assert int(row["files"]) > 2
