"""Commands that must end with one line and code 2."""

from __future__ import annotations

from types import ModuleType

import pytest

from pib_rl.cli.cli import run


def stops(command: ModuleType, arguments: list[str], monkeypatch, capsys) -> str:
    """Runs a command that must end so; the line."""
    monkeypatch.setattr("sys.argv", ["command", *arguments])
    with pytest.raises(SystemExit) as stop:
        run(command.NAME, command.main)
    said = capsys.readouterr().err
    assert stop.value.code == 2
    assert said.count("\n") == 1
    return said
