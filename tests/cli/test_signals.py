"""Ctrl-C and SIGTERM before and after the work of a command: one line, no traceback, an exit code."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from pib_rl.cli.signals import command_name

ROOT = Path(__file__).parents[2]
STOP = "import os, signal\nos.kill(os.getpid(), signal.{name})\nsum(range(1000))\nprint('went on', flush=True)\n"
INSTALLED = "import sys; sys.argv = ['/bin/pib-rl', 'train', 'CartPole-v1']; from pib_rl.__main__ import main; main()"


def command(arguments, folder, **options):
    """Runs Python with modules of ``folder`` in the place of those that are installed."""
    environment = {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"}
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a suite in the background of a shell ignores it
    options = {"preexec_fn": heed} | options
    return subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, timeout=120, **options
    )


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("module", ["gymnasium", "torch"])
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-m", "pib_rl.train", "CartPole-v1"], "pib_rl.train"),
        (["-m", "pib_rl", "learn"], "pib_rl"),
        (["-c", INSTALLED], "pib-rl"),
    ],
    ids=["module", "package", "installed"],
)
def test_a_stop_while_something_is_imported_is_one_line(arguments, said, module, name, tmp_path):
    (tmp_path / f"{module}.py").write_text(STOP.format(name=name))
    done = command(arguments, tmp_path)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == f"{said}: interrupted before anything was begun\n"


def test_a_program_that_imports_the_package_keeps_its_own_answer(tmp_path):
    code = "import signal; import pib_rl; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    assert command(["-c", code], tmp_path).stdout == "True\n"
    (tmp_path / "other.py").write_text(code)
    assert command(["-m", "other", "-m", "pib_rl.train"], tmp_path).stdout == "True\n"


def test_a_stop_that_is_ignored_stays_so(tmp_path):
    """As for a command that a shell puts into the background."""
    (tmp_path / "torch.py").write_text(STOP.format(name="SIGINT") + "raise SystemExit(7)")
    ignore = partial(signal.signal, signal.SIGINT, signal.SIG_IGN)
    ignored = command(["-m", "pib_rl.train", "CartPole-v1"], tmp_path, preexec_fn=ignore)
    assert (ignored.returncode, ignored.stdout, ignored.stderr) == (7, "went on\n", "")


WORK = """
import os, signal, sys, time, weakref
sys.argv = ["-m"]
sys.orig_argv = ["python", "-m", "pib_rl.work"]
import pib_rl
from pib_rl.cli.signals import raise_interrupts, let_go
class Kept: pass
def stop(*_): os.kill(os.getpid(), signal.{name}); sum(range(1000))
raise_interrupts()
try:
    {work}
except KeyboardInterrupt:
    print("stopped")
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
@pytest.mark.parametrize(
    "work", ["stop()", "kept = Kept(); seen = weakref.ref(kept, stop); del kept; time.sleep(5)"], ids=["plain", "lost"]
)
def test_a_stop_at_work_can_be_caught_even_where_python_drops_it(work, name, tmp_path):
    done = command(["-c", WORK.format(name=name, work=work)], tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "stopped\n", "")


def test_a_stop_after_the_work_ends_without_a_word(tmp_path):
    done = command(["-c", WORK.format(name="SIGINT", work="let_go(); stop()")], tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


@pytest.mark.parametrize(
    ("arguments", "original", "name"),
    [
        (["-m", "x"], ["python", "-X", "dev", "-m", "pib_rl.train", "x"], "pib_rl.train"),
        (["-m"], ["python", "-mpib_rl"], "pib_rl"),
        (["-m", "pib_rl"], ["python", "-m", "pytest", "pib_rl"], None),
        (["-m"], ["python", "-m", "pib_rl_zoo"], None),
        (["-c"], ["python", "-c", "pib_rl"], None),
        (["/usr/bin/pib-rl", "train"], ["python", "/usr/bin/pib-rl", "train"], "pib-rl"),
        ([""], ["python"], None),
        ([], [], None),
    ],
)
def test_which_command_a_process_is(arguments, original, name):
    assert command_name(arguments, original) == name
