"""Ctrl-C and a request to end (SIGTERM) at the moments when there is nothing to save: one line, no traceback.

While a command imports what it needs, an exception would be shown as a traceback, or be lost in what is being imported.
So the process ends at once there. Once the command runs, both signals raise KeyboardInterrupt.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import FrameType

INTERRUPTED = 130  # exit code: 128 + SIGINT, as shells have it
COMMAND = "pib-rl"  # the installed command
SIGNALS = (signal.SIGINT, signal.SIGTERM)


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
    if command_name(sys.argv, sys.orig_argv) is None:
        return
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


def let_go() -> None:
    """The work is done: both signals end a command without a word while it closes what it opened."""
    if sys.unraisablehook is _again:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)


def _end(number: int, frame: FrameType | None) -> None:
    name = command_name(["-m", *sys.argv[1:]], sys.orig_argv) or COMMAND
    os.write(2, f"{name}: interrupted before anything was begun\n".encode())
    os._exit(INTERRUPTED)


def _again(lost: sys.UnraisableHookArgs) -> None:
    """An interruption that Python drops, as in a destructor or while a module is imported, comes again."""
    if not issubclass(lost.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(lost)
        return
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, 0.01)
