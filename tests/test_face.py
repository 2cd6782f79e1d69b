"""What `import pib_rl` gives, and the one command."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import pib_rl
from pib_rl import list as listing
from pib_rl.__main__ import COMMANDS, MODULES, main
from pib_rl.agents.learners.registry import LEARNERS
from pib_rl.agents.objectives import OBJECTIVES
from pib_rl.physical import registry
from pib_rl.physical.faults import KINDS

ROOT = Path(__file__).parents[1]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)


def test_importing_the_package_imports_nothing_heavy():
    code = (
        "import pib_rl, sys; print([name for name in ('torch', 'stable_baselines3', 'sklearn') if name in sys.modules])"
    )
    assert run("-c", code).stdout == "[]\n"


def test_every_public_name_is_there_and_documented():
    for name in pib_rl.__all__:
        assert getattr(pib_rl, name)
        assert name in dir(pib_rl)
    assert pib_rl.PIB.__name__ == "PIB"
    with pytest.raises(AttributeError, match="no attribute 'PPO'"):
        _ = pib_rl.PPO


def test_importing_the_package_registers_its_environments():
    code = "import pib_rl, gymnasium; print(gymnasium.make('pib_rl/ContextBandit-v0').spec.id)"
    assert run("-c", code).stdout == "pib_rl/ContextBandit-v0\n"


def test_gymnasium_finds_an_environment_by_module_and_id_without_an_import():
    code = "import gymnasium; print(gymnasium.make('pib_rl:pib_rl/ContextBandit-v0').spec.id)"
    assert run("-c", code).stdout == "pib_rl/ContextBandit-v0\n"


def test_every_command_is_a_module_with_a_main():
    for name in COMMANDS:
        module = f"pib_rl.{MODULES.get(name, name)}"
        command = import_module(module)
        assert module == command.NAME
        assert callable(command.main)
    assert '[project.scripts]\npib-rl = "pib_rl.__main__:main"\n' in (ROOT / "pyproject.toml").read_text()


def test_all_ways_to_a_command_are_the_same():
    wrong = ["CartPole-v1", "--hw", "optcal"]
    ways = [run("-m", "pib_rl", "train", *wrong), run("-m", "pib_rl.train", *wrong), run("pib_rl/train.py", *wrong)]
    assert {(way.returncode, way.stderr) for way in ways} == {
        (2, "pib_rl.train: error: unknown substrate 'optcal'; did you mean optical?\n")
    }


def test_the_command_tells_its_version_its_commands_and_what_it_does_not_know(monkeypatch, capsys):
    for argument, said in (("--version", f"pib-rl {pib_rl.__version__}"), ("--help", "  train "), (None, "  compare ")):
        monkeypatch.setattr(sys, "argv", ["pib-rl", *([argument] if argument else [])])
        main()
        assert said in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["pib-rl"])
    main()
    said = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in said[:3]] == ["first", "then", "more"]
    monkeypatch.setattr(sys, "argv", ["pib-rl", "trian"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    assert capsys.readouterr().err == "pib-rl: error: unknown command 'trian'; did you mean train?\n"


def test_the_list_names_all_that_the_registries_hold():
    lists = {title: entries() for title, entries in listing.LISTS.items()}
    assert lists["learners"].keys() >= LEARNERS.keys()
    assert lists["objectives"].keys() == OBJECTIVES.keys()
    assert lists["faults"].keys() == KINDS.keys()
    assert lists["substrates"].keys() >= {*registry.names(), "memristive:pcm"}
    assert lists["environments"].keys() >= {"pib_rl/ChipKeeper-v0", "CartPole-v1"}
    assert all(line for entries in lists.values() for line in entries.values())


def test_one_kind_is_listed_alone(capsys):
    listing.main(["faults"])
    said = capsys.readouterr().out
    assert "dead-unit" in said
    assert "memristive" not in said
