"""What all commands share: a refusal of the file system is one line, an error of ours is not hidden."""

from __future__ import annotations

import errno
import os

import pytest

from pib_rl.cli.cli import run


def refuse(number: int, *where: str):
    def main(arguments: list[str]) -> None:
        raise OSError(number, os.strerror(number), *where)

    return main


@pytest.mark.parametrize(
    ("number", "where", "said"),
    [
        (errno.ENOSPC, ("runs/a",), "cannot use runs/a: No space left on device; make room or choose another place"),
        (errno.EFBIG, (), "cannot use a file: File too large; make room"),
        (errno.ENAMETOOLONG, ("a" * 300,), "File name too long"),
    ],
)
def test_what_the_file_system_refuses_is_told_in_one_line(number, where, said, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["command"])
    with pytest.raises(SystemExit) as stop:
        run("pib_rl.command", refuse(number, *where))
    assert stop.value.code == 2
    err = capsys.readouterr().err
    assert err.startswith("pib_rl.command: error: ")
    assert err.count("\n") == 1
    assert said in err


def test_other_errors_of_the_system_are_not_hidden(monkeypatch):
    monkeypatch.setattr("sys.argv", ["command"])
    with pytest.raises(OSError, match="Bad file descriptor"):
        run("pib_rl.command", refuse(errno.EBADF))
