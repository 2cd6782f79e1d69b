"""Settings of commands from files, and from the command line over a file."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from pib_rl.cli.cli import UserError, mistakes, parse, read_yaml
from pib_rl.cli.imports import check_imported
from pib_rl.cli.settings import Settings, TaskSettings
from pib_rl.common.options import admit, nearest

S = TypeVar("S", bound=Settings)


def from_plain(kind: type[S], settings: dict[str, Any], source: Path) -> S:
    """The configuration of plain data, as `Settings.identity` gives it.

    Args:
        kind: Its class.
        settings: Values by field name; lists for tuples, texts for paths.
        source: Where they are from, for messages.

    Raises:
        UserError: If a name is unknown (the message offers the nearest) or a value has the wrong type.
    """
    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    scalars: dict[str, Any] = {}
    for name, value in settings.items():
        if name == "imports":
            raise UserError(f"{source}: what is imported stands on the command line alone, as --import MODULE")
        if name not in hints:
            known = sorted(one.name for one in fields(kind))
            raise UserError(f"{source}: unknown setting {name!r}; {nearest(str(name), known)}")
        hint = hints[name]
        if get_origin(hint) is dict:
            if not isinstance(value, dict | None):
                raise UserError(f"{source}: {name} must be a mapping, got {value!r}")
            values[name] = value or {}
        elif get_origin(hint) is tuple:
            if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
                raise UserError(f"{source}: {name} must be a list of texts, got {value!r}")
            values[name] = tuple(value)
        elif Path in (hint, *get_args(hint)) and value is not None:
            values[name] = Path(str(value))
        else:
            scalars[name] = value
    with mistakes():
        values |= admit(hints, scalars, f"{source}:")
    try:
        return kind(**values)
    except TypeError as error:
        raise UserError(f"{source} does not hold all settings: {error}") from None


def parse_with_file(kind: type[S], arguments: list[str], name: str) -> S:
    """The configuration of a command line over that of the YAML file that ``--config`` names, if it does.

    Args:
        kind: Its class, which has the field ``config``.
        arguments: What was typed.
        name: The command, for its help.

    Raises:
        UserError: If something does not exist or is of the wrong kind.
    """
    file = named_file(arguments)
    given = read_settings(file) if file else {}
    config = parse(kind, arguments, name, from_plain(kind, given, file) if file else None)
    prepare_imports(config, given, file)
    return config


def prepare_imports(config: Settings, given: dict[str, Any], file: Path | None) -> None:
    """Imports what the command line says.

    Args:
        config: The whole configuration.
        given: The settings of a file that are part of it.
        file: That file, or none.

    Raises:
        UserError: If that fails, or the environment is that of the file and wants something else imported.
    """
    if isinstance(config, TaskSettings):
        config.import_modules()
        if file is not None and config.env == given.get("env"):
            check_imported(config.env, file)


def named_file(arguments: list[str]) -> Path | None:
    """The file that ``--config`` names."""
    finder = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    finder.add_argument("--config", nargs="?", type=Path)
    found: Path | None = finder.parse_known_args(arguments)[0].config
    return found and found.expanduser()


def layered(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Two sets of plain settings, ``above`` first; mappings are merged by name."""
    merged = {
        name: below[name] | value
        for name, value in above.items()
        if isinstance(value, dict) and isinstance(below.get(name), dict)
    }
    return below | above | merged


def read_settings(path: Path) -> dict[str, Any]:
    """The settings of a YAML file such as the config.yaml of a run.

    Raises:
        UserError: If it can't be read or is no mapping.
    """
    settings = read_yaml(path)
    settings.pop("versions", None)
    return settings
