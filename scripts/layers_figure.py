"""Draws the layers of the package, from its own imports: docs/pictures/layers.png.

.venv/bin/python scripts/layers_figure.py
"""

from __future__ import annotations

import ast
from pathlib import Path

from pib_rl.common.palette import BLUE, GREY, INK
from pib_rl.figures.curves import new_figure

ROOT = Path(__file__).parents[1]
LAYERS = [  # from the ground up: folders, and what they are for
    [("common", "random streams, options, units")],
    [("physical", "media, arrays, converters, meters: every substrate")],
    [("agents", "units, objectives, learners, the rule, policies, estimators")],
    [("viewer", "draws hardware at work")],
    [("envs", "Gymnasium environments")],
    [("figures", "figures of runs"), ("cli", "settings and errors of commands")],
    [("runs", "run folders and results")],
    [("training", "train, baselines"), ("learning", "learn")],
    [
        ("adaptation", "adapt"),
        ("comparison", "compare"),
        ("characterisation", "characterise"),
        ("playing", "play"),
        ("commands", "train.py, learn.py, ..."),
    ],
]


def imported(folder: str) -> set[str]:
    """Folders of the package that a folder imports."""
    package = ROOT / "pib_rl"
    files = package.glob("*.py") if folder == "commands" else (package / folder).rglob("*.py")
    names = set()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("pib_rl."):
                names.add(node.module.split(".")[1])
    return names


def main() -> None:
    figure = new_figure(9.0, 7.2)
    axes = figure.add_subplot()
    axes.axis("off")
    places = {}
    for level, row in enumerate(LAYERS):
        width = 10 / len(row)
        for at, (name, about) in enumerate(row):
            x, y = at * width + 0.1, level * 1.25
            places[name] = (x + width / 2 - 0.1, y)
            axes.add_patch(_box(x, y, width - 0.2))
            axes.text(
                x + width / 2 - 0.1, y + 0.52, name, ha="center", va="center", fontsize=11, color=INK, weight="bold"
            )
            axes.text(x + width / 2 - 0.1, y + 0.22, about, ha="center", va="center", fontsize=7.5, color=GREY)
    for name, (x, y) in places.items():
        below = [other for other in imported(name) if other in places and places[other][1] < y]
        nearest = max((places[other][1] for other in below), default=None)
        for other in below:
            if places[other][1] == nearest:
                end = (min(max(x, places[other][0] - 0.6), places[other][0] + 4.5), nearest + 0.76)
                axes.annotate("", end, (x, y), arrowprops={"arrowstyle": "->", "color": BLUE, "lw": 1.2})
    axes.set(xlim=(0, 10), ylim=(-0.1, 1.25 * len(LAYERS)))
    figure.savefig(ROOT / "docs" / "pictures" / "layers.png")


def _box(x: float, y: float, width: float):
    from matplotlib.patches import FancyBboxPatch

    return FancyBboxPatch((x, y), width, 0.74, boxstyle="round,pad=0,rounding_size=0.08", fc="#eef6fa", ec=BLUE, lw=1)


if __name__ == "__main__":
    main()
