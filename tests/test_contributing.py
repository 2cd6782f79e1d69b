"""The recipes of CONTRIBUTING.md, followed word for word in a copy: files and changes are made, all commands run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
RECIPES = dict(re.findall(r"^## (Add [^\n]+)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
COPIED = ("pib_rl", "tests", "scripts", "pyproject.toml", "README.md")
TOOLS = {  # what a clone has in .venv/bin, as modules
    ".venv/bin/python -m ": "",
    ".venv/bin/pib-rl": "pib_rl",
    ".venv/bin/ruff": "ruff",
}
EACH = """  # every command in a process of its own, forked from one that has imported what most of them need
import os, runpy, shlex, sys
import hypothesis, matplotlib.pyplot, pytest
import pib_rl.learn, pib_rl.learning.run, pib_rl.train, pib_rl.training.run

for command in sys.stdin.read().strip().replace("\\n", "&&").split("&&"):
    if not (child := os.fork()):
        sys.argv = shlex.split(command)
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
        sys.exit()
    if code := os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
        sys.exit(code)
"""


def blocks(recipe: str, language: str) -> list[str]:
    """What stands in the recipe's blocks of a language, without the indentation of its list."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```", recipe, re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(text) for _, text in found]


def follow(recipe: str, root: Path) -> None:
    """Makes the files and changes of a recipe; the first line of each block is the name of its file."""
    for block in blocks(recipe, "python"):
        name, text = block.split("\n", 1)
        path = root / name.removeprefix("# ")
        assert not path.exists(), f"{name} is there already"
        path.write_text(text, encoding="utf-8")
    for block in blocks(recipe, "diff"):
        name, *lines = block.rstrip("\n").split("\n")
        path = root / name.removeprefix("# ")
        text = path.read_text(encoding="utf-8")
        before, after = ("".join(f"{line[1:]}\n" for line in lines if line[:1] != sign) for sign in "+-")
        assert text.count(before) == 1, f"{name} holds this {text.count(before)} times:\n{before}"
        path.write_text(text.replace(before, after), encoding="utf-8")


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    """A copy of the repository in which all recipes were followed."""
    root = tmp_path_factory.mktemp("clone")
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, root / name)
    for recipe in RECIPES.values():
        follow(recipe, root)
    return root


def test_there_is_a_recipe_for_each_kind_of_thing():
    assert list(RECIPES) == ["Add a substrate", "Add an objective", "Add a learner", "Add an environment"]


@pytest.mark.parametrize("name", RECIPES)
def test_the_commands_of_a_recipe_succeed(name, copy):
    environment = {**os.environ, "PYTHONPATH": str(copy), "OMP_NUM_THREADS": "1"}
    (block,) = blocks(RECIPES[name], "bash")
    for tool, command in TOOLS.items():
        block = block.replace(tool, command)
    assert ".venv" not in block
    done = subprocess.run(
        [sys.executable, "-c", EACH],
        input=block,
        cwd=copy,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert len(re.findall(r"^[1-9]\d* passed", done.stdout, re.MULTILINE)) == block.count("pytest")
    assert done.stdout.count("run folder: ") == block.count("pib_rl train") + block.count("pib_rl learn")


def test_links_lead_somewhere():
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", PAGE):
        assert (ROOT / target).exists(), target
