"""The shape of the project: imports run one way, links at the root, nothing pickled."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = ["physical", "agents", "envs", "commands"]
FILES = sorted((ROOT / "pib_rl").rglob("*.py"))


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def layer(name: str) -> str:
    part = name.split(".")[1] if name.count(".") else ""
    return part if part in LAYERS[:3] else "commands"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_one_way(path):
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    own = LAYERS.index(layer(module))
    for name in imported(path):
        assert name.split(".")[0] not in ("pickle", "cloudpickle", "dill")
        if name.startswith("pib_rl.") and own < LAYERS.index("commands"):
            assert LAYERS.index(layer(name)) <= own, f"{module} imports {name}"


@pytest.mark.parametrize("name", LAYERS[:3])
def test_links_at_the_root_are_relative_and_lead_into_the_package(name):
    assert os.readlink(ROOT / name) == f"pib_rl/{name}"


def test_hardware_is_never_differentiated():
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        for word in (".backward(", "requires_grad_(", "requires_grad=True", "torch.autograd"):
            assert word not in text, f"{path} has {word}"
