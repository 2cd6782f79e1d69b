"""The shape of the project: imports run one way, links at the root, nothing pickled."""

from __future__ import annotations

import ast
import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = [
    ["common"],
    ["physical"],
    ["agents"],
    ["viewer"],
    ["envs"],
    ["figures", "cli"],
    ["runs"],
    ["sites"],
    ["training", "learning"],
]  # from the ground up; what is not named here stands on all of them
LINKS = ["agents", "envs", "physical"]
MOST = 16  # modules in a folder
FILES = sorted((ROOT / "pib_rl").rglob("*.py"))


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def layer(name: str) -> int:
    part = name.split(".")[1] if name.count(".") else ""
    if part == "__version__":  # of the package itself, which imports nothing
        return 0
    return next((level for level, parts in enumerate(LAYERS) if part in parts), len(LAYERS))


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_at_once(path: Path, modules: set[str]) -> set[str]:
    """Modules that a module names outside of functions, TYPE_CHECKING included."""
    tree, names = ast.parse(path.read_text(encoding="utf-8")), set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= {name if name in modules else node.module for name in whole}
    return names & modules


def test_no_modules_import_each_other_in_a_circle():
    modules = {module_name(path) for path in FILES}
    imports = {module_name(path): imported_at_once(path, modules) for path in FILES}
    while free := [name for name, needed in imports.items() if not needed & imports.keys()]:
        for name in free:
            del imports[name]
    assert not imports, f"circles among {sorted(imports)}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_one_way(path):
    module = module_name(path)
    for name in imported(path):
        assert name.split(".")[0] not in ("pickle", "cloudpickle", "dill")
        if name.startswith("pib_rl."):
            assert layer(name) <= layer(module), f"{module} imports {name}"


def test_no_folder_is_too_full():
    for folder in {path.parent for path in FILES}:
        modules = [path for path in folder.glob("*.py") if path.stem != "__init__"]
        assert len(modules) <= MOST, f"{folder} holds {len(modules)} modules"


def test_no_module_hides_one_of_the_standard_library():
    """A file that is run by its path has its own folder first among the places where modules are looked for."""
    for path in FILES:
        name = path.parent.name if path.stem == "__init__" else path.stem
        assert name == "__main__" or name not in sys.stdlib_module_names, path


@pytest.mark.parametrize("name", LINKS)
def test_links_at_the_root_are_relative_and_lead_into_the_package(name):
    assert os.readlink(ROOT / name) == f"pib_rl/{name}"


def test_hardware_is_never_differentiated():
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        for word in (".backward(", "requires_grad_(", "requires_grad=True", "torch.autograd"):
            assert word not in text, f"{path} has {word}"


def test_no_two_classes_have_one_name():
    places: dict[str, list[str]] = {}
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(str(path.relative_to(ROOT)))
    assert {name: files for name, files in places.items() if len(files) > 1} == {}
