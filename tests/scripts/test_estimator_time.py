"""The script that times the classifiers: every learner sees the same folds, and ratios are those of the perceptron."""

from __future__ import annotations

import pytest
from script_loader import load_script

from pib_rl.cli.cli import UserError

SCRIPT = load_script("estimator_time")


def test_a_ratio_is_relative_to_the_perceptron_and_accuracy_the_mean_over_folds():
    found = [
        {"MLPClassifier": [(1.0, 0.9), (3.0, 1.0)], "digital, PIB": [(4.0, 0.8), (8.0, 0.9)]},
        {"MLPClassifier": [(2.0, 0.9), (2.0, 1.0)], "digital, PIB": [(6.0, 0.9), (6.0, 1.0)]},
    ]
    assert SCRIPT.rows("wine", found) == [
        ("wine", "MLPClassifier", "2.00", "1.0", "0.950", "0.950..0.950"),
        ("wine", "digital, PIB", "6.00", "3.0", "0.900", "0.850..0.950"),
    ]


def test_it_prints_a_row_per_learner_in_one_thread(monkeypatch, capsys):
    folds = []

    class Stub:
        def fit(self, x, y):
            folds.append((len(x), x.sum()))
            return self

        def score(self, x, y):
            return 0.5

    names = (SCRIPT.BASELINE, "optical, PIB")
    monkeypatch.setattr(SCRIPT, "learners", lambda hw: {name: lambda seed: Stub() for name in names})
    SCRIPT.main(["--data", "wine", "--hw", "optical", "--seeds", "1"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("|")[2].strip() for line in lines[:4]] == ["learner", "---", *names]
    assert "fit of wine, optical, over MLPClassifier" in lines[-1]
    assert lines[-1].split("|")[3].strip() == "<= 6"
    assert len(folds) == 2 + 2 * SCRIPT.FOLDS
    assert folds[2::2] == folds[3::2]


def test_learners_are_those_that_are_shipped():
    made = SCRIPT.learners(["optical"])
    assert list(made) == ["MLPClassifier", "optical, PIB", "optical, frozen"]
    given = made["optical, frozen"](7).get_params()
    assert (given["hw"], given["learner"], given["seed"], given["epochs"]) == ("optical", "frozen", 7, None)


def test_unknown_data_are_refused():
    with pytest.raises(UserError, match="invalid choice: 'wines'"):
        SCRIPT.main(["--data", "wines"])
