"""The table of scripts/wafer_check.py."""

from __future__ import annotations

import numpy as np
from script_loader import load_script

check = load_script("wafer_check")


def write(folder, rows):
    folder.mkdir()
    lines = ["hw,eval_mean", *(f"{hw},{value}" for hw, value in rows)]
    (folder / "results.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_intervals_hold_the_truth_in_95_of_100_cases():
    draws = np.random.default_rng(0).normal(3, 2, (2, 1000, 8))
    for found, truth in (
        ([check.mean_of(one) for one in draws[0]], 3),
        ([check.difference(*pair) for pair in draws.swapaxes(0, 1)], 0),
    ):
        assert abs(np.mean([one.low < truth < one.high for one in found]) - 0.95) < 0.02


def test_the_table_compares_both_ways(tmp_path):
    folders = {
        way: write(tmp_path / way, [(hw, base + k) for hw in check.SUBSTRATES for k in range(3)])
        for way, base in (("alone", 474), ("wafer", 484))
    }
    lines = check.table(folders).splitlines()
    assert lines[2] == "| digital | 475 [473, 477] | 2 of 3 | 485 [483, 487] | 3 of 3 | 10 [8, 12] |"
