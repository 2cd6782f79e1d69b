"""The reference made from the code: every option of every command and every setting stands there once, with words."""

from __future__ import annotations

import contextlib
import importlib
import io
import re
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from pib_rl.__main__ import COMMANDS, MODULES
from pib_rl.agents.objectives import OBJECTIVES
from pib_rl.physical import registry

sys.path.insert(0, str(Path(__file__).parents[2] / "docs" / "_ext"))
import pib_reference
import reference_text as text


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_of_a_command_stands_there_once(name, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    said = io.StringIO()
    module = importlib.import_module(f"pib_rl.{MODULES.get(name, name)}")
    with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
        module.main(["--help"])
    typed = set(re.findall(r"^[│ ] *(--[a-z][\w-]*)", said.getvalue(), re.MULTILINE)) - {"--help"}
    listed = re.findall(r"^\| `(--[\w-]+)`", text.options(text.command(name)), re.MULTILINE)
    assert sorted(listed) == sorted(option for option in typed if not option.startswith("--no-"))


def test_nothing_is_without_words():
    pages = [text.commands(), text.substrates(), text.objectives(), text.learners(), text.faults()]
    pages += [text.settings("pib_rl.agents.rule.config.RuleConfig")]
    pages += [text.settings("pib_rl.agents.estimators.trainer.FitConfig")]
    silent = [line for page in pages for line in page.splitlines() if re.search(r"\|\s*\|$", line)]
    assert silent == []


def test_every_substrate_setting_and_objective_is_there():
    page = text.substrates()
    for name in registry.names():
        for field in fields(registry.find(name).Config):
            assert f"| `{field.name}` |" in page
    assert re.findall(r"^### (.*)$", text.objectives(), re.MULTILINE) == list(OBJECTIVES)


def test_blocks_are_filled_and_links_to_the_root_stay_inside_the_site():
    assert "| `stuck` |" in pib_reference.fill("```{faults}\n```")
    assert pib_reference.fill("```{toctree}\n```") == "```{toctree}\n```"
    assert pib_reference.to_site("[a](../CONTRIBUTING.md#b)", "architecture") == "[a](contributing.md#b)"
    assert pib_reference.to_site("[a](../../CHANGELOG.md)", "lab/rule") == "[a](../changes.md)"
    assert "](hardware.md" in pib_reference.root_file("CONTRIBUTING.md")
