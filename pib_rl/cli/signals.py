"""Ctrl-C and a request to end (SIGTERM) at the moments when there is nothing to save: one line, no traceback.

While a command imports what it needs, an exception would be shown as a traceback, or be lost in what is being imported.
So the process ends at once there. Once the command runs, both signals raise KeyboardInterrupt, but while it imports
what the arguments ask for: that comes late, so that --help and mistakes are answered at once.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

INTERRUPTED = 130  # exit code: 128 + SIGINT, as shells have it
COMMAND = "pib-rl"  # the installed command
SIGNALS = (signal.SIGINT, signal.SIGTERM)
_said: list[str] = []  # the command that this process is, as it was typed


def command_name(arguments: list[str], original: list[str]) -> str | None:
    """The command that this process is, such as "pib_rl.train"; None where another program imports the package.

    Args:
        arguments: ``sys.argv`` while the package is imported.
        original: ``sys.orig_argv``.
    """
    if arguments[:1] == ["-m"]:  # so it is while Python looks for the module
        module = original[-len(arguments)].removeprefix("-m")
        return module if module.split(".")[0] == "pib_rl" else None
    return COMMAND if arguments and Path(arguments[0]).stem == COMMAND else None


def end_at_once() -> None:
    """If this process is a command, both signals end it at once from now on, with one line. Ignored ones stay so."""
    name = command_name(sys.argv, sys.orig_argv)
    if name is None:
        return
    _said.append(name)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _end)


def raise_interrupts() -> None:
    """From now on both signals raise KeyboardInterrupt: what is there can be saved."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.unraisablehook = _again
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@contextmanager
def importing() -> Iterator[None]:
    """Inside, a command that has begun nothing imports: both signals end it at once, as before it ran."""
    raised = [number for number in SIGNALS if signal.getsignal(number) is signal.default_int_handler]
    if sys.unraisablehook is not _again:  # this process is no command, or ignores Ctrl-C
        raised = []
    for number in raised:
        signal.signal(number, _end)
    try:
        yield
    finally:
        for number in raised:
            signal.signal(number, signal.default_int_handler)


def let_go() -> None:
    """The work is done: both signals end a command without a word while it closes what it opened."""
    if sys.unraisablehook is _again:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)


def _end(number: int, frame: FrameType | None) -> None:
    os.write(2, f"{_said[-1]}: interrupted before anything was begun\n".encode())
    os._exit(INTERRUPTED)


def _again(lost: sys.UnraisableHookArgs) -> None:
    """An interruption that Python drops, as in a destructor or while a module is imported, comes again."""
    if not issubclass(lost.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(lost)
        return
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, 0.01)
