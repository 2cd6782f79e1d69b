"""The script that tunes a learner: every setting of its grid is trained with it, and all come into the table."""

from __future__ import annotations

import json

import pytest
from script_loader import load_script


@pytest.fixture
def script():
    return load_script("learner_grid")


def test_every_setting_is_a_row_and_a_failing_run_leaves_a_gap(script, monkeypatch, tmp_path, capsys):
    def command(name, *arguments):
        told = [str(one) for one in arguments]
        out, rule = arguments[-1], told[told.index("--rule") + 1 : told.index("--out")]
        assert (name, told[told.index("--learner") + 1]) == ("train", "spsa")
        if rule == ["hidden_rate=0.001", "perturbation=0.1"]:
            raise RuntimeError("no light")
        out.mkdir(parents=True)
        value = 100_000 * float(rule[0].split("=")[1]) + int(told[told.index("--seed") + 1])
        (out / "result.json").write_text(json.dumps({"eval_mean": value}))

    monkeypatch.setattr(script.jobs, "command", command)
    monkeypatch.setattr("sys.argv", ["learner_grid.py", "spsa", "--hw", "optical", "--out", str(tmp_path)])
    with pytest.raises(SystemExit, match="1"):
        script.main()
    said = capsys.readouterr()
    assert said.out.splitlines() == [
        "| hidden_rate | perturbation | optical |",
        "|---|---|---|",
        "| 0.0003 | 0.02 | 30, 31 |",
        "| 0.0003 | 0.1 | 30, 31 |",
        "| 0.001 | 0.02 | 100, 101 |",
        "| 0.001 | 0.1 | -, - |",
        "| 0.003 | 0.02 | 300, 301 |",
        "| 0.003 | 0.1 | 300, 301 |",
    ]
    assert said.err.count("(0.001, 0.1) optical 0 failed: no light") == 1
