"""Sites that a run starts: watched, started again, and given up with their last words."""

from __future__ import annotations

import subprocess
import threading
from types import SimpleNamespace

import pytest

from pib_rl.cli.cli import MISTAKE
from pib_rl.sites import processes
from pib_rl.sites.processes import MOST, SiteProcesses, Start


class Fake:
    """A process that has ended as it is told."""

    codes: list[int | None]
    commands: list[list[str]]

    def __init__(self, command, stdin=None, stdout=None, **_) -> None:
        assert stdin == subprocess.PIPE
        self.code = Fake.codes.pop(0) if Fake.codes else None
        self.stdin = SimpleNamespace(close=lambda: None)
        Fake.commands.append(command)
        stdout.write(b"first line\nlast words\n")

    def poll(self):
        return self.code

    def wait(self, timeout=None):
        if self.code is None and timeout:
            raise subprocess.TimeoutExpired("site", timeout)

    def kill(self):
        self.code = -9


def started(tmp_path, monkeypatch, codes):
    monkeypatch.setattr(processes.subprocess, "Popen", Fake)
    monkeypatch.setattr(processes, "CHECK_S", 0.001)
    Fake.codes, Fake.commands = list(codes), []
    notes, given_up, enough = [], [], threading.Event()
    one = Start("a", ("127.0.0.1", 5555), tmp_path / "a.key", tmp_path / "sites", 1)

    def give_up(name, why):
        given_up.append((name, why))
        enough.set()

    def note(text):
        notes.append(text)
        if not Fake.codes:
            enough.set()

    watched = SiteProcesses([one], note, give_up)
    watched.start()
    assert enough.wait(20)
    watched.close()
    return notes, given_up


def test_one_that_died_is_started_again(tmp_path, monkeypatch):
    notes, given_up = started(tmp_path, monkeypatch, [-9])
    assert notes == [f"site a was killed by signal 9: last words; started again (1 of {MOST})"]
    assert not given_up
    assert len(Fake.commands) == 2


def test_one_that_always_dies_ends_the_run(tmp_path, monkeypatch):
    notes, given_up = started(tmp_path, monkeypatch, [1] * (MOST + 1))
    assert len(notes) == MOST
    assert given_up[0][0] == "a"
    assert "ended with 1: last words" in given_up[0][1]
    assert "a.log" in given_up[0][1]


def test_a_mistake_is_not_made_twice(tmp_path, monkeypatch):
    notes, given_up = started(tmp_path, monkeypatch, [MISTAKE])
    assert not notes
    assert len(given_up) == 1


def test_no_secret_is_on_a_command_line(tmp_path, monkeypatch):
    started(tmp_path, monkeypatch, [-9])
    assert all(str(tmp_path / "a.key") in command for command in Fake.commands)  # the file's name, not what is in it
    with pytest.raises(FileNotFoundError):
        (tmp_path / "a.key").read_text()
