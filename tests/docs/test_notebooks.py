"""The notebooks run as they stand, and hold what they put out."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib
import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "notebooks"


@pytest.mark.parametrize("name", ["first_policy", "break_a_chip", "without_labels"])
def test_notebook_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    matplotlib.use("Agg")
    cells = json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    seen = {"__name__": "notebook"}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), name, "exec", dont_inherit=True), seen)
    matplotlib.pyplot.close("all")
    assert any("image/png" in output.get("data", {}) for cell in cells for output in cell.get("outputs", []))


def test_every_notebook_is_tested():
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == ["break_a_chip", "first_policy", "without_labels"]
