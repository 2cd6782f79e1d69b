"""The comparison of Stable-Baselines3's own tests with the list of those that are expected to fail."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from sb3_aliases import LIST, Conformance, read_reasons, reason, table

SCRIPT = Path(__file__).parents[2] / "scripts" / "sb3_conformance.sh"
TESTS = """
from stable_baselines3 import A2C, PPO, SAC
import pytest

@pytest.mark.parametrize("model_class", [A2C, PPO])
def test_continuous(model_class):
    assert model_class is A2C is PPO
    model_class("MlpPolicy", "CartPole-v1", n_steps=32, policy_kwargs=dict(net_arch=[4]))
    raise AssertionError("as expected")

def test_fine():
    PPO("MlpPolicy", "CartPole-v1", n_steps=32, policy_kwargs=dict(net_arch=[4]))

def test_not_about_us():
    raise AssertionError("does not count")
"""
NEW = """
from stable_baselines3 import PPO

def test_new():
    PPO("MlpPolicy", "CartPole-v1", what=1)
"""


def test_every_expected_failure_has_a_reason():
    reasons = read_reasons(LIST.read_text(encoding="utf-8"))
    assert len(reasons) > 10
    assert all(
        re.fullmatch(r"test_\w+\.py::test_\w+(\[.+\])?", name) and len(why) > 10 for name, why in reasons.items()
    )


@pytest.mark.parametrize(
    ("test", "found"),
    [
        ("test_a.py::test_b", "first"),
        ("test_a.py::test_b[x-PIB0]", "first"),
        ("test_a.py::test_bc", None),
        ("test_a.py::test_c[True-PIB1]", "second"),
        ("test_a.py::test_c[False-PIB1]", None),
        ("test_a.py::test_c", None),
    ],
)
def test_a_name_without_cases_is_all_of_them_and_a_star_is_anything(test, found):
    reasons = read_reasons("# a comment\n\ntest_a.py::test_b  first\ntest_a.py::test_c[True-*]  second\n")
    assert reason(test, reasons) == found


@pytest.mark.parametrize(
    ("why", "outcome", "wrong"),
    [
        (None, "passed", False),
        (None, "failed", True),
        ("a reason", "failed", False),
        ("a reason", "passed", True),
        ("sometimes: the clock", "passed", False),
        ("sometimes: the clock", "failed", False),
    ],
)
def test_what_is_not_as_the_list_says_is_wrong(why, outcome, wrong):
    notes = Conformance({} if why is None else {"test_a.py::test_b": why})
    notes.ended["test_a.py::test_b[1]"] = outcome
    assert notes.wrong() == []  # it built no agent
    notes.built.add("test_a.py::test_b[1]")
    assert bool(notes.wrong()) == wrong


@pytest.fixture
def ran(tmp_path):
    """Runs the script on two files of tests."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_identity.py").write_text(TESTS, encoding="utf-8")
    (tmp_path / "tests" / "test_new.py").write_text(NEW, encoding="utf-8")
    environment = os.environ | {"SB3_SOURCE": str(tmp_path), "PYTHON": sys.executable}

    def run(*names: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", str(SCRIPT), *names], env=environment, capture_output=True, text=True, check=False
        )

    return run


@pytest.mark.slow
def test_the_script_succeeds_where_all_ends_as_expected(ran):
    done = ran("identity")
    assert "1 of 3 tests that build PIB passed, 0 not as expected" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0


def test_the_script_counts_and_compares(ran):
    done = ran("new", "identity")
    assert "test_new.py::test_new failed, and is not in sb3_expected_failures.txt" in done.stdout
    assert done.returncode == 1
    assert re.search(
        r"\| new \| 1 \| 0 \| 0 \| 1 \| .*\n\| identity \| 3 \| 1 \| 2 \| 0 \| .*\n\| all \| 4 \| 1 \| 2 \| 1 ",
        done.stdout,
    )
    missing = ran("nothing")
    assert missing.returncode == 2
    assert "give names such as identity" in missing.stderr


def test_a_file_counts_what_it_built_and_the_table_ends_with_the_sum():
    notes = Conformance({"test_a.py::test_x": "a reason", "test_a.py::test_y": "another"})
    notes.ended = {f"test_a.py::test_{name}": "failed" for name in "xzw"} | {"test_a.py::test_y": "passed"}
    notes.built = {f"test_a.py::test_{name}" for name in "xyz"}
    assert notes.counts() == {"a": [3, 1, 1, 2]}
    lines = table(["a 3 1 1 2 0.5", "b 10 9 1 0 1.5"]).splitlines()
    assert lines[0].startswith("| file | build PIB | pass |")
    assert lines[-1] == "| all | 13 | 10 | 2 | 2 | 1.5 |"
