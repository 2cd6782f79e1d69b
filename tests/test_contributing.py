"""The recipes of CONTRIBUTING.md, followed word for word in a copy: files and changes are made, all commands run."""

from __future__ import annotations

import json
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
import json, os, runpy, shlex, sys
import hypothesis, matplotlib.pyplot, pytest
import pib_rl.learn, pib_rl.learning.run, pib_rl.train, pib_rl.training.run

def run(command):
    if not (child := os.fork()):
        with open("said", "a") as said:
            os.dup2(said.fileno(), 1)
            os.dup2(said.fileno(), 2)
        sys.argv = shlex.split(command)
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
        sys.exit()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

while line := sys.stdin.readline():
    print(next((code for command in json.loads(line) if (code := run(command))), 0), flush=True)
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


@pytest.fixture(scope="module")
def ready(copy):
    """A process in the copy that runs lists of commands until one fails, and answers with its exit status."""
    environment = {**os.environ, "PYTHONPATH": str(copy), "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": ""}
    command = [sys.executable, "-c", EACH]
    with subprocess.Popen(
        command, cwd=copy, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        yield process


@pytest.mark.parametrize("name", RECIPES)
def test_the_commands_of_a_recipe_succeed(name, copy, ready):
    (block,) = blocks(RECIPES[name], "bash")
    for tool, module in TOOLS.items():
        block = block.replace(tool, module)
    assert ".venv" not in block
    said = copy / "said"
    said.write_text("")
    ready.stdin.write(json.dumps(re.split(r"\n|&&", block.strip())) + "\n")
    ready.stdin.flush()
    assert ready.stdout.readline() == "0\n", said.read_text(encoding="utf-8")[-3000:]
    text = said.read_text(encoding="utf-8")
    assert len(re.findall(r"^[1-9]\d* passed", text, re.MULTILINE)) == block.count("pytest")
    assert text.count("run folder: ") == block.count("pib_rl train") + block.count("pib_rl learn")
    assert "nothing would be learned" not in text


def test_links_lead_somewhere():
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", PAGE):
        assert (ROOT / target).exists(), target
