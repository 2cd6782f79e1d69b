"""Each tutorial, block after block in one folder, with shorter trainings."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest

from pib_rl.__main__ import main
from pib_rl.agents import pib

pytestmark = pytest.mark.usefixtures("few_steps")

FOLDER = Path(__file__).parents[2] / "docs" / "tutorials"
SHORTER = {
    "--timesteps": "256",
    "--epochs": "1",
    "--steps": "40",
    "--learn-steps": "256",
    "--learn-from": "20",
    "--seeds": "1",
    "--size": "8",
}
MORE = {"train": ["--eval-episodes", "2", "--looks", "0"], "compare": ["--eval-episodes", "2", "--looks", "0"]}
LASTING = {"read_a_report"}  # processes of their own


def blocks(name: str) -> list[tuple[str, str]]:
    page = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
    return re.findall(r"^```(bash|python)\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def shorter(line: str) -> list[str]:
    """The words of a command, with less of everything."""
    words = shlex.split(line)
    for option, value in SHORTER.items():
        if option in words:
            words[words.index(option) + 1] = value
    words = [re.sub(r"@\d+$", "@10" if words[1] == "play" else "@256", word) for word in words]
    return [*words, *MORE.get(words[1], []), "--no-progress"]


def run(kind: str, block: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if kind == "python":
        code = re.sub(r"epochs=\d+", "epochs=1", re.sub(r"learn\([\d_]+", "learn(256", block))
        exec(compile(code, "tutorial", "exec", dont_inherit=True), {"__name__": "example"})
        return
    for line in block.splitlines():
        monkeypatch.setattr(sys, "argv", shorter(line))
        main()


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(path.stem, marks=[pytest.mark.slow] if path.stem in LASTING else [])
        for path in sorted(FOLDER.glob("*.md"))
        if path.stem != "index"
    ],
)
def test_tutorial_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pib, "SAMPLES_PER_ROLLOUT", 128)  # several rollouts in a short training
    found = blocks(name)
    assert any(kind == "bash" for kind, _ in found)
    for kind, block in found:
        run(kind, block, monkeypatch)
