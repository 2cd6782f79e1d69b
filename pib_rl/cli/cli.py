"""What all commands share: arguments from dataclasses, and one line for a user's mistake."""

from __future__ import annotations

import contextlib
import io
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import tyro
from gymnasium.error import Error as GymnasiumError

from pib_rl.agents.resuming.failures import environment_failure
from pib_rl.cli.refusals import refused
from pib_rl.cli.signals import INTERRUPTED, let_go, raise_interrupts
from pib_rl.common import options
from pib_rl.common.limits import no_room, out_of_memory
from pib_rl.physical.remote.instrument import InstrumentError

T = TypeVar("T")
MISTAKE, FAILURE = 2, 1
PLAINER = {  # what tyro and Python say of numbers: what that means
    r"^Error parsing (--width): .*'([\[(].*?)'.*": r"\1 is one number for all units, got '\2'; --units says how many",
    r"^Error parsing (\S+): no type matching .*\|INT\b.* from \['(.*?)'\].*": r"\1 must be a whole number, got '\2'",
    r"^Error parsing (\S+): no type matching .*\|FLOAT\b.* from \['(.*?)'\].*": r"\1 must be a number, got '\2'",
    r"^Error parsing (\S+): invalid literal for int\(\) with base 10: (.*)": r"\1 must be a whole number, got \2",
    r"^Error parsing (\S+): (takes .*)": r"\1 \2",
    r"^Error parsing (\S+): could not convert string to float: (.*)": r"\1 must be a number, got \2",
}


class UserError(Exception):
    """A mistake that the user can mend. The message says what was expected, what came, and how to mend it."""


@contextlib.contextmanager
def mistakes(*kinds: type[BaseException]) -> Iterator[None]:
    """Turns ValueError, Gymnasium's errors and ``kinds`` into `UserError`: for building what the user asked for."""
    expected: tuple[type[BaseException], ...] = (ValueError, GymnasiumError, *kinds)
    try:
        yield
    except expected as error:
        if out_of_memory(error):
            raise UserError(
                no_room("--width", "--units", "--patches", "--n-envs", "--distractors", "--batch-size")
            ) from error
        raise UserError(str(error)) from error


def run(name: str, main: Callable[[list[str]], None]) -> None:
    """Runs a command with the process's arguments. What comes from outside ends it with one line and exit code 2.

    That is a mistake of the user, a lost instrument, an environment that fails, and what a file system refuses. Ctrl-C
    ends it with one line too, and with code 130 where there is nothing to go on with. A request to end (SIGTERM, as a
    batch system sends it) counts as Ctrl-C: what is there is saved.
    """
    raise_interrupts()
    try:
        main(sys.argv[1:])
        let_go()
    except (UserError, InstrumentError) as error:
        _give_up(name, str(error))
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=sys.stderr)
        raise SystemExit(INTERRUPTED) from None
    except Exception as error:
        reason = environment_failure(error)
        if reason is None and isinstance(error, OSError) and (said := refused(error)):
            reason = f"{said}; make room or choose another place, then run again"
        if reason is None:
            raise
        _give_up(name, reason)


def note(text: str) -> None:
    """Tells something that a user may not have meant; whatever runs goes on."""
    print(f"note: {one_line(text)}", file=sys.stderr)


def _give_up(name: str, reason: str) -> NoReturn:
    print(f"{name}: error: {one_line(reason)}", file=sys.stderr)
    raise SystemExit(MISTAKE) from None


def one_line(text: str) -> str:
    """The text without line breaks and doubled spaces."""
    return re.sub(r"\s+", " ", text).strip()


def parse(kind: type[T], arguments: list[str], name: str, default: Any = None) -> T:
    """Arguments to a dataclass; what tyro says of a wrong one, in one line.

    Raises:
        UserError: If an argument is unknown, missing or of the wrong type.
    """
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            extra = {} if default is None else {"default": default}
            result: T = tyro.cli(kind, args=arguments, prog=f"python -m {name}", **extra)
            return result
    except SystemExit as stop:
        if stop.code in (0, None):
            raise
        raise UserError(f"{_unboxed(said.getvalue())}; see python -m {name} --help") from None


def _unboxed(box: str) -> str:
    """The sentence inside tyro's drawn box, with its first suggestion.

    Where the output's encoding has no line-drawing characters, the box is a title, a rule and indented text.
    """
    drawn = "│" in box
    lines = [line.strip("│ ") for line in box.splitlines() if line.startswith("│") or not drawn][0 if drawn else 2 :]
    parts: list[list[str]] = [[]]
    for line in lines:
        if line and set(line) <= {"─", "-"}:
            parts.append([])
        else:
            parts[-1].append(line)
    sentence = one_line(" ".join(parts[0])).rstrip(".")
    for said, plain in PLAINER.items():
        sentence = re.sub(said, plain, sentence)
    meant = [part[1] for part in parts if len(part) > 1 and part[0].startswith("Perhaps you meant")]
    return f"{sentence}; did you mean {meant[0].split()[0]}?" if meant else sentence


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file that holds a mapping.

    Raises:
        UserError: If the file is missing, not YAML, or no mapping.
    """
    with mistakes():
        return options.read_yaml(path)
