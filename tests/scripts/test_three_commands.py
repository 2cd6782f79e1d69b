"""The script that times the way from pulses to a policy: its commands are those of the page, and it counts seconds."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from script_loader import load_script

SCRIPT = load_script("three_commands")
PAGE = Path(__file__).parents[2] / "docs" / "own_device.md"


def test_the_commands_are_those_of_the_page(tmp_path):
    block = re.search(r"```bash\n(pib-rl fit .*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert block is not None
    told = [line.split()[1] for line in block[1].splitlines()]
    assert [command[0] for command in SCRIPT.commands(tmp_path, None)] == told == ["fit", "train", "play"]


def test_a_command_is_timed_and_a_failing_one_is_no_measurement():
    assert SCRIPT.measure(["log", "--help"]).cpu_s > 0
    with pytest.raises(subprocess.CalledProcessError):
        SCRIPT.measure(["log", "--no-such-option"])
