"""What a script says of the codes of finished policies."""

from __future__ import annotations

import re

import pytest
from script_loader import load_script

from pib_rl.cli.cli import UserError

final_codes = load_script("final_codes")


def test_a_run_has_a_line(small_run, capsys, monkeypatch):
    monkeypatch.setattr(final_codes, "STEPS", 20)
    final_codes.main([str(small_run.path)])
    found = re.search(
        r"run: ([\d.]+) dimensions, (\d+)% of the variance in the first, noise .* ([\d.]+)$", capsys.readouterr().out
    )
    dimensions, first, noise = map(float, found.groups())
    assert 1 < dimensions < 16
    assert 100 / 16 < first < 100
    assert noise > 0


def test_no_run_is_told():
    with pytest.raises(UserError, match="expected RUN"):
        final_codes.main([])
