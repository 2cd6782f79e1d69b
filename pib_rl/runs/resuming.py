"""What the command line says of runs that go on: which, with what settings, and how often they are saved."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pib_rl.agents.saved_settings import read_settings
from pib_rl.cli.cli import UserError, mistakes, parse
from pib_rl.cli.settings import Settings
from pib_rl.cli.settings_files import from_plain, prepare_imports
from pib_rl.runs.folder import CONFIG, adaptation_of

S = TypeVar("S", bound=Settings)
SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Every:
    """How often: after so many seconds, or so many steps.

    Args:
        seconds: Seconds, or None.
        steps: Environment steps or epochs, or None.
    """

    seconds: float | None = None
    steps: int | None = None

    @classmethod
    def parse(cls, text: str) -> Every:
        """From a number of steps, or a time such as 30s, 5min, 1h; ValueError if it is neither, or not positive."""
        match = re.fullmatch(r"(\d{1,12}(?:\.\d{1,6})?)(s|min|h)?", str(text))
        if match is None or float(match[1]) == 0 or (match[2] is None and "." in match[1]):
            raise ValueError(
                f"--checkpoint-every must be a time such as 30s, 5min or 1h, or a number of steps, got {text!r}"
            )
        return cls(float(match[1]) * SECONDS[match[2]]) if match[2] else cls(steps=int(match[1]))


def named_run(arguments: list[str]) -> Path | None:
    """The run folder that ``--resume`` names."""
    finder = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    finder.add_argument("--resume", nargs="?", type=Path)
    found: Path | None = finder.parse_known_args(arguments)[0].resume
    return found and found.expanduser()


def resumed(kind: type[S], run: Path, arguments: list[str], name: str, check: Callable[[dict[str, Any]], None]) -> S:
    """The configuration of a run that goes on: its own, but for how it is shown and how often it is saved.

    Args:
        kind: Its class.
        run: The run folder.
        arguments: What was typed.
        name: The command, for its help.
        check: Raises ValueError if settings are those of another command.

    Raises:
        UserError: If the folder is none, or another setting was typed.
    """
    if not (run / CONFIG).is_file():
        raise UserError(f"--resume {run} is not a run folder: it lacks {CONFIG}; give one that {name} began")
    whole = adaptation_of(run)
    if whole is not None and whole != run:
        raise UserError(f"{run} is a part of an adaptation: python -m pib_rl.adapt --resume {whole} goes on with it")
    with mistakes():
        settings = read_settings(run)
        check(settings)
    own = from_plain(kind, settings, run / CONFIG)
    config = parse(kind, arguments, name, own)
    prepare_imports(config, settings, run / CONFIG)
    wanted, given = config.identity(), own.identity()
    others = [one for one in wanted.keys() | given.keys() if wanted.get(one) != given.get(one)]
    others += [one for one in ("out", "config") if getattr(config, one, None) is not None]
    if others:
        names = ", ".join("--" + one.replace("_", "-") for one in sorted(others))
        raise UserError(f"--resume goes on with the settings of {run}: leave {names} out, or begin another run")
    return config
