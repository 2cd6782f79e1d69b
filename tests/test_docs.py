"""The Python blocks of README and docs run as they stand, with shorter trainings."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from pib_rl.agents import pib
from pib_rl.agents.learners.registry import LEARNERS
from pib_rl.physical import registry

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
RUN = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]  # tutorials have tests of their own
BLOCKS = [
    (page.name, block)
    for page in RUN
    for block in re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
]


def test_there_are_blocks():
    assert {"README.md", "hardware.md"} <= {name for name, _ in BLOCKS}


@pytest.mark.parametrize(("page", "block"), BLOCKS, ids=[f"{name}-{n}" for n, (name, _) in enumerate(BLOCKS)])
def test_block_runs(page, block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pib, "SAMPLES_PER_ROLLOUT", 128)  # several rollouts in a short training
    monkeypatch.setattr(registry, "_REGISTRY", dict(registry._REGISTRY))
    shorter = re.sub(r"epochs=\d+", "epochs=1", re.sub(r"learn\([\d_]+", "learn(512", block))
    assert shorter != block or "learn(512" in block
    exec(compile(shorter, page, "exec", dont_inherit=True), {"__name__": "example"})


def test_links_between_pages_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_page_of_learners_names_every_setting_of_their_own_with_its_default():
    page = (ROOT / "docs" / "learners.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\|[^|]*\| `(\w+)` \| ([\d.]+)", page, re.MULTILINE)
    assert {(name, float(default)) for name, default in rows} == {
        (field.name, float(field.default))
        for kind in ("backprop", "dfa", "forward-forward", "spsa", "es", "frozen", "local-td")
        for field in fields(LEARNERS[kind].Options)
    }


def test_the_page_of_the_architecture_names_files_that_exist():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([\w/]+/[\w]+\.py)`", page))
    assert len(named) > 30
    assert [name for name in named if not any((ROOT / place / name).exists() for place in ("", "pib_rl"))] == []


def test_the_readme_can_be_read_at_once():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 100
