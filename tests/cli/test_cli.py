"""What all commands share: a refusal of the file system is one line, an error of ours is not hidden."""

from __future__ import annotations

import errno
import importlib
import os
import signal

import pytest

from pib_rl.agents.resuming.failures import of_environment
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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_is_one_line_and_a_code(number, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["command"])
    before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a suite in the background of a shell ignores it
    try:
        with pytest.raises(SystemExit) as stop:
            run("pib_rl.command", lambda _: signal.raise_signal(number))
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
    assert stop.value.code == 130
    assert capsys.readouterr().err == "pib_rl.command: interrupted\n"


def test_what_an_environment_raises_is_one_line_whatever_it_is(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["command"])

    def main(arguments):
        with of_environment("after step 3"):
            raise ConnectionRefusedError(errno.ECONNREFUSED, "nobody\nanswers")

    with pytest.raises(SystemExit) as stop:
        run("pib_rl.command", main)
    assert stop.value.code == 2
    assert capsys.readouterr().err == (
        "pib_rl.command: error: the environment failed after step 3: ConnectionRefusedError: "
        f"[Errno {errno.ECONNREFUSED}] nobody answers\n"
    )


@pytest.mark.parametrize(("module", "data"), [("train", "CartPole-v1"), ("learn", "digits")])
@pytest.mark.parametrize("width", ["[32,16]", "(8, 8)"])
def test_a_list_of_widths_is_told_to_go_by_units(module, data, width, monkeypatch, capsys):
    command = importlib.import_module(f"pib_rl.{module}")
    monkeypatch.setattr("sys.argv", [module, data, "--width", width])
    with pytest.raises(SystemExit):
        run(module, command.main)
    assert f"--width is one number for all units, got '{width}'; --units says how many" in capsys.readouterr().err
