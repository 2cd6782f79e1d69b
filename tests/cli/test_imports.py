"""No module is imported because a file names it."""

from __future__ import annotations

import shutil
import sys

import pytest

from pib_rl import adapt, log, play, train
from pib_rl.cli.cli import UserError
from pib_rl.cli.imports import check_imported, import_modules
from pib_rl.envs.lookup import check_text
from pib_rl.training import baselines

MODULE = "environments_of_somebody"


@pytest.fixture
def somewhere(tmp_path, monkeypatch):
    """The working folder, which holds a module that leaves a mark when it is imported."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / f"{MODULE}.py").write_text("open('imported', 'w').close()\n")
    yield tmp_path
    sys.modules.pop(MODULE, None)


@pytest.fixture
def run(somewhere, small_run):
    """A run folder whose config.yaml names that module."""
    shutil.copytree(small_run.path, somewhere / "run")
    path = somewhere / "run" / "config.yaml"
    text = path.read_text()
    assert "env: CartPole-v1\n" in text
    path.write_text(text.replace("env: CartPole-v1\n", f"env: {MODULE}:CartPole-v1\n"))
    return somewhere / "run"


COMMANDS = {
    "play": (play, ["run", "--steps", "3", "--no-progress"]),
    "adapt": (adapt, ["run", "--fault", "stuck:0.5", "--timesteps", "128", "--learner", "frozen", "--out", "out"]),
    "log": (log, ["CartPole-v1", "--policy", "run", "--timesteps", "16", "--out", "out.npz"]),
    "train": (train, ["--config", "run/config.yaml", "--print-config"]),
    "resume": (train, ["--resume", "run", "--print-config"]),
    "baselines": (baselines, ["--config", "own.yaml", "--out", "out"]),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_module_that_a_folder_names_is_not_imported(name, run, somewhere):
    (somewhere / "own.yaml").write_text(f"env: {MODULE}:CartPole-v1\n")
    command, arguments = COMMANDS[name]
    with pytest.raises(UserError, match=rf"wants the module '{MODULE}' imported .* add --import {MODULE}$"):
        command.main(arguments)
    assert not (somewhere / "imported").exists()


@pytest.mark.parametrize("name", ["play", "train", "resume"])
def test_it_is_imported_where_the_command_line_asks_for_it(name, run, somewhere, capsys):
    command, arguments = COMMANDS[name]
    command.main([*arguments, "--import", MODULE])
    assert (somewhere / "imported").exists()


def test_the_command_line_may_name_an_environment_with_its_module(run, somewhere, capsys):
    train.main([f"{MODULE}:CartPole-v1", "--print-config"])
    assert (somewhere / "imported").exists()
    assert "import" not in capsys.readouterr().out


def test_a_file_cannot_ask_for_imports_itself(run, somewhere):
    path = run / "config.yaml"
    path.write_text(path.read_text().replace(f"{MODULE}:", "") + f"imports: [{MODULE}]\n")
    with pytest.raises(UserError, match=r"config.yaml: what is imported stands on the command line alone"):
        play.main(["run"])
    assert not (somewhere / "imported").exists()


def test_what_is_imported_already_may_be_named(tmp_path):
    check_imported("CartPole-v1", tmp_path)
    check_imported("gymnasium.envs:CartPole-v1", tmp_path)
    with pytest.raises(UserError, match="nowhere"):
        check_imported("nowhere:CartPole-v1", tmp_path)


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "ModuleNotFoundError"), ("raise KeyError('x')", "KeyError: 'x'"), ("def", "SyntaxError")],
)
def test_a_module_that_fails_ends_in_one_line(content, words, somewhere):
    if content:
        (somewhere / "broken_module.py").write_text(content)
    with pytest.raises(UserError, match=rf"^--import broken_module: {words}"):
        import_modules(["broken_module"])


def test_long_names_make_short_messages(tmp_path):
    with pytest.raises(UserError) as refusal:
        check_imported("a" * 5000 + ":" + "b" * 5000, tmp_path)
    assert len(str(refusal.value)) < 1000
    with pytest.raises(ValueError, match=r"^env_id must be at most 300 letters long, got 5000$"):
        check_text("a" * 5000)
