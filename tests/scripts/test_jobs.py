"""Many calls side by side: each gives its result, a failing one is reported at the end, an interruption ends all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import jobs
import pytest


@pytest.mark.parametrize("processes", [False, True])
@pytest.mark.parametrize("at_once", [1, 2])
def test_results_come_by_name_and_in_order(processes, at_once):
    calls = {(name, number): partial(pow, number, 2) for name in "ab" for number in (3, 1, 2)}
    found, failed = jobs.side_by_side(calls, at_once, processes=processes)
    assert list(found.items()) == [((name, number), number**2) for name in "ab" for number in (3, 1, 2)]
    assert failed == []


def test_two_run_at_the_same_time_and_the_bar_counts_all(capsys):
    start = time.monotonic()
    jobs.side_by_side({number: partial(time.sleep, 0.5) for number in range(4)}, 4, unit="nap")
    assert time.monotonic() - start < 1.9
    assert "4/4" in capsys.readouterr().err


def test_a_failing_call_is_reported_at_the_end_and_the_others_go_on(capsys):
    def fail(error):
        raise error

    words = {("chip", 1): RuntimeError("no light"), ("chip", 2): KeyError("camera")}
    found, failed = jobs.side_by_side(
        {key: partial(fail, error) for key, error in words.items()} | {"good": partial(int, "7")}, 1
    )
    assert found == {"good": 7}
    assert failed == ["chip 1 failed: no light", "chip 2 failed: KeyError('camera')"]
    capsys.readouterr()
    with pytest.raises(SystemExit, match="1"):
        jobs.end(failed)
    assert capsys.readouterr().err.splitlines() == failed
    jobs.end([])


def test_nothing_to_do_shows_no_bar(capsys):
    assert jobs.side_by_side({}, 2) == ({}, [])
    assert capsys.readouterr().err == ""


def test_a_command_has_one_thread_and_a_failing_one_says_its_last_words():
    assert jobs.call("-c", "import os; print(os.environ['OMP_NUM_THREADS'])").strip() == "1"
    with pytest.raises(RuntimeError, match="no_such_module"):
        jobs.call("-m", "no_such_module")
    with pytest.raises(RuntimeError, match="exit code 3"):
        jobs.call("-c", "raise SystemExit(3)")


def test_a_run_is_made_once_and_again_where_it_broke_off(tmp_path, monkeypatch):
    made = []

    def command(name, *arguments):
        made.append((name, *arguments))
        run.mkdir()
        (run / "result.json").write_text('{"eval_mean": 3}')

    monkeypatch.setattr(jobs, "command", command)
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.yaml").write_text("{}")
    assert jobs.make_run(run, "train", "CartPole-v1") == jobs.make_run(run, "train", "CartPole-v1") == {"eval_mean": 3}
    assert made == [("train", "CartPole-v1", "--out", run)]


def test_a_folder_that_is_no_run_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(RuntimeError, match="is not a run folder"):
        jobs.make_run(tmp_path, "train", "CartPole-v1")
    assert (tmp_path / "mine.txt").read_text() == "mine"


SCRIPT = """
import sys
sys.path.insert(0, {folder!r})
import jobs
sleeper = "import os, pathlib, time; pathlib.Path({out!r}, str(os.getpid())).touch(); time.sleep(60)"
jobs.side_by_side({{n: lambda: jobs.call("-c", sleeper) for n in range(4)}}, 2)
"""


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="looks for processes in /proc")
def test_an_interruption_ends_what_runs_and_starts_nothing(tmp_path):
    text = SCRIPT.format(folder=str(Path(jobs.__file__).parent), out=str(tmp_path))
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a suite in the background of a shell ignores it
    script = subprocess.Popen([sys.executable, "-c", text], stderr=subprocess.DEVNULL, preexec_fn=heed)
    deadline = time.monotonic() + 30
    while len(list(tmp_path.iterdir())) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    script.send_signal(signal.SIGINT)  # to this process alone, as a batch system does it
    assert script.wait(20) != 0
    time.sleep(0.5)
    started = [int(path.name) for path in tmp_path.iterdir()]
    assert len(started) == 2
    assert not any(alive(pid) for pid in started)
