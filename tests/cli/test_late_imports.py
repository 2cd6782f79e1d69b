"""Help and mistakes are answered before torch is imported: that alone takes a second of CPU time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pib_rl.__main__ import COMMANDS

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "stable_baselines3", "scipy", "sklearn", "pandas", "matplotlib.pyplot", "jinja2")
MISTAKES = [
    "train CartPole-v1 --no-such-option 1",
    "train CartPole-v1 --timesteps 0",
    "train CartPole-v1 --learning-rate fast",
    "train CartPole-v1 --learner nobody",
    "train CartPole-v1 --hw nothing",
    "train CartPole-v1 --objective none",
    "train CartPole-v1 --fault stuck:2",
    "train --resume nowhere",
    "learn digits --learner nobody",
    "learn digits --hw nothing",
    "learn digits --epochs 0",
    "log CartPole-v1 --n-envs 0",
    "play",
    "adapt runs/x --fault stuck:2",
    "compare CartPole-v1 --learner nobody",
    "compare CartPole-v1 --hw nothing",
    "characterise --hw nothing",
    "certify --hw nothing",
    "site --name x",
    "keys",
    "fit --no-such-option",
    "export",
    "restore",
    "hub push",
    "list nothing",
    "demo --no-such-option",
]
PROGRAM = """
import contextlib, io, json, sys
from pib_rl.__main__ import main

found = []
for line in json.loads(sys.argv[1]):
    sys.argv = ["pib-rl", *line.split()]
    code, said, wrong = None, io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(wrong):
        try:
            main()
        except SystemExit as stop:
            code = stop.code or 0
    found.append([line, code, len(said.getvalue()), wrong.getvalue().count("\\n"), sorted(sys.modules)])
print(json.dumps(found))
"""


@pytest.mark.parametrize(
    ("lines", "code"),
    [([f"{name} --help" for name in COMMANDS], 0), (MISTAKES, 2)],
    ids=["help", "mistakes"],
)
def test_no_command_imports_torch_before_it_knows_what_to_do(lines, code, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(lines)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    assert [line for line, *_ in found] == lines
    for line, ended, said, wrong, modules in found:
        assert (line, ended, said > 0, wrong) == (line, code, code == 0, 0 if code == 0 else 1)
        assert (line, [name for name in HEAVY if name in modules]) == (line, [])
    assert list(tmp_path.iterdir()) == [], "nothing is written"
