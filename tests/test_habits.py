"""Habits of the repository: every place that runs checks runs those of .ci/run, and versions agree."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

import pib_rl

ROOT = Path(__file__).parents[1]
CI = (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_checks_before_a_commit_are_those_of_ci():
    (repository,) = yaml.safe_load(read(".pre-commit-config.yaml"))["repos"]
    assert repository["repo"] == "local"
    hooks = repository["hooks"]
    quick = [line for line in re.findall(r"^\.venv/bin/.*$", CI, re.MULTILINE) if "sphinx" not in line]
    assert [hook["entry"] for hook in hooks] == quick  # the site takes longer than a commit should
    assert all(hook["language"] == "system" and hook["pass_filenames"] is False for hook in hooks)


def test_the_workflow_runs_ci_on_every_python_that_the_package_takes():
    jobs = yaml.safe_load(read(".github/workflows/ci.yml"))["jobs"]
    (job,) = jobs.values()
    assert "bash .ci/run" in [step.get("run") for step in job["steps"]]
    versions = job["strategy"]["matrix"]["python"]
    assert versions == ["3.10", "3.11", "3.12", "3.13"]
    assert f'requires-python = ">={versions[0]}"' in read("pyproject.toml")
    (setup,) = [step for step in job["steps"] if "setup-python" in step.get("uses", "")]
    assert setup["with"]["python-version"] == "${{ matrix.python }}"


def test_citation_names_this_version_and_the_paper():
    cited = yaml.safe_load(read("CITATION.cff"))
    assert cited["cff-version"] == "1.2.0"
    assert cited["version"] == pib_rl.__version__
    assert f'license = "{cited["license"]}"' in read("pyproject.toml")
    assert cited["authors"] == [{"name": "The pib_rl developers"}]
    (paper,) = cited["references"]
    assert paper["url"] in read("README.md")
    assert paper["authors"][0]["family-names"] == "Wang"


def test_the_changelog_has_a_place_for_what_is_new():
    headings = re.findall(r"^## (.+)$", read("CHANGELOG.md"), re.MULTILINE)
    assert headings[0] == "[Unreleased]"
    kinds = re.findall(r"^### (.+)$", read("CHANGELOG.md"), re.MULTILINE)
    assert set(kinds) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


@pytest.mark.parametrize("path", sorted((ROOT / ".github").rglob("*.*")), ids=lambda path: path.name)
def test_templates_are_what_their_endings_say(path):
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".yml":
        assert yaml.safe_load(text)
    elif text.startswith("---\n"):
        assert {"name", "about"} <= set(yaml.safe_load(text.split("---\n")[1]))
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert (path.parent / target).exists(), target


def test_commits_that_blame_leaves_out_exist():
    names = re.findall(r"^[0-9a-f]+$", read(".git-blame-ignore-revs"), re.MULTILINE)
    assert names
    assert all(len(name) == 40 for name in names)
    if not (ROOT / ".git").exists():
        return
    for name in names:
        kind = subprocess.run(["git", "cat-file", "-t", name], cwd=ROOT, capture_output=True, text=True, check=False)
        shallow = subprocess.run(
            ["git", "rev-parse", "--is-shallow-repository"], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert kind.stdout.strip() == "commit" or shallow.stdout.strip() == "true"
