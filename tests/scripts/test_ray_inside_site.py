"""The script that sends batches through a process."""

from __future__ import annotations

import sys

from script_loader import load_script


def test_batches_come_back_from_a_plain_process_and_are_counted():
    script = load_script("ray_inside_site")
    row = script.measured("plain process", 20, 4)
    assert row["first_answer_s"] > 0
    assert row["wall_ms"] > 0
    assert row["cpu_ms"] >= 0


def test_the_table_has_both_and_the_file_too(monkeypatch, tmp_path, capsys):
    script = load_script("ray_inside_site")
    counts = {"first_answer_s": 1.0, "wall_ms": 2.0, "cpu_ms": 3.0}
    monkeypatch.setattr(script, "measured", lambda name, batches, under_way: {"process": name, **counts})
    monkeypatch.setattr(sys, "argv", ["ray_inside_site.py", "--out", str(tmp_path / "rows.csv")])
    script.main()
    assert "| Ray actor | 1.0 | 2.0 | 3.0 |" in capsys.readouterr().out
    assert (tmp_path / "rows.csv").read_text().splitlines()[1] == "plain process,1.0,2.0,3.0"
