"""Markdown of the reference: every setting of every command, substrate, rule, objective and learner."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import tyro

from pib_rl.__main__ import COMMANDS, MODULES
from pib_rl.agents.learners.registry import LEARNERS
from pib_rl.agents.objectives import OBJECTIVES
from pib_rl.physical import registry
from pib_rl.physical.faults import KINDS
from pib_rl.physical.substrate import Substrate

POSITIONAL = tyro.conf.Positional[int].__metadata__[0]


def commands() -> str:
    """A section for each command, with a table of its options."""
    return "\n\n".join(
        f"## {name}\n\n{sentence(command(name).__doc__)}\n\n{options(command(name))}" for name in COMMANDS
    )


def command(name: str) -> type:
    """The dataclass of a command's settings."""
    module = importlib.import_module(f"pib_rl.{MODULES.get(name, name)}")
    found = {kind.__name__: kind for kind in vars(module).values() if isinstance(kind, type) and is_dataclass(kind)}
    (one,) = [kind for word, kind in found.items() if word.endswith("Config")] or [
        kind for word, kind in found.items() if word.endswith("Settings")
    ]
    return one


def options(kind: type) -> str:
    """A table with a row for each option of a command: what stands first goes without a name."""
    rows = []
    texts = field_texts(kind)
    for one, hint, arg in arguments(kind):
        name = option_name(one, hint, arg)
        rows.append(
            (name, takes(hint, arg), default(one), texts.get(one.name, "") if arg is None or not arg.help else arg.help)
        )
    return table(("option", "takes", "default", "what it does"), rows)


def arguments(kind: type) -> Iterator[tuple[Field[Any], Any, Any]]:
    """Field, type, and what tyro was told of it, of each option."""
    hints = get_type_hints(kind, include_extras=True)
    for one in sorted(fields(kind), key=lambda one: POSITIONAL not in getattr(hints[one.name], "__metadata__", ())):
        marks = getattr(hints[one.name], "__metadata__", ())
        yield (
            one,
            hints[one.name],
            next((mark for mark in marks if hasattr(mark, "metavar") and hasattr(mark, "help")), None),
        )


def option_name(one: Field[Any], hint: Any, arg: Any) -> str:
    """As it is typed."""
    if POSITIONAL in getattr(hint, "__metadata__", ()):
        return f"`{one.name.upper()}`"
    return f"`--{(arg and arg.name) or one.name.replace('_', '-')}`"


def takes(hint: Any, arg: Any) -> str:
    """What values an option takes, in words."""
    if get_origin(hint) is Annotated:
        if arg is not None and arg.metavar:
            return f"`{arg.metavar}`"
        return takes(get_args(hint)[0], None)
    inner = [kind for kind in get_args(hint) if kind not in (type(None), Ellipsis)]
    if get_origin(hint) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(hint))
    if get_origin(hint) is dict:
        return "NAME=VALUE ..."
    if get_origin(hint) is tuple:
        return f"{takes(inner[0], None)} ..."
    if inner:
        return " or ".join(takes(kind, None) for kind in inner)
    return {int: "whole number", float: "number", str: "text", Path: "path", bool: "on or off"}.get(hint, str(hint))


def default(one: Field[Any]) -> str:
    """The default, as it would be typed."""
    value = one.default if one.default_factory is MISSING else one.default_factory()
    if value is MISSING:
        return "required"
    if value is None or value in ((), {}):
        return ""
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"`{' '.join(map(str, value)) if isinstance(value, tuple) else value}`"


def field_texts(kind: type) -> dict[str, str]:
    """The text under each field of a dataclass, those of its bases included."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if base.__module__.startswith("pib_rl"):
            found |= own_texts(base)
    return found


def own_texts(kind: type) -> dict[str, str]:
    """As `field_texts`, of the class itself."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(tree, ast.ClassDef)
    found = {}
    for one, after in zip(tree.body, tree.body[1:], strict=False):
        named = isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)
        if named and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            found[one.target.id] = inspect.cleandoc(str(after.value.value))  # type: ignore[attr-defined,union-attr]
    return found


def argument_texts(thing: Any) -> dict[str, str]:
    """The section Args of a docstring in Google's form, by name, those of bases included."""
    found: dict[str, str] = {}
    for base in reversed(getattr(thing, "__mro__", (thing,))):
        lines = inspect.cleandoc(base.__dict__.get("__doc__") or "").splitlines() if base is not object else []
        if "Args:" not in lines:
            continue
        name = ""
        for line in lines[lines.index("Args:") + 1 :]:
            if line and not line.startswith(" "):
                break
            if start := re.match(r"    (\w[\w, ]*): (.*)", line):
                name = start[1]
                found[name] = start[2]
            elif name and line.strip():
                found[name] += f" {line.strip()}"
    return found


def settings(path: str) -> str:
    """A table of the settings of a frozen dataclass, named by its path."""
    module, _, name = path.rpartition(".")
    return fields_table(getattr(importlib.import_module(module), name))


def fields_table(kind: type) -> str:
    """Name, default and meaning of each field of a dataclass."""
    texts = argument_texts(kind) | field_texts(kind)
    rows = [(f"`{one.name}`", plain(one), texts.get(one.name, "")) for one in fields(kind)]
    return table(("name", "default", "what it does"), rows)


def plain(one: Field[Any]) -> str:
    """A default as it stands in a file."""
    value = one.default if one.default_factory is MISSING else one.default_factory()
    return "required" if value is MISSING else "none" if value is None else f"`{value}`" if value != () else ""


def substrates() -> str:
    """A section for each substrate: settings and presets."""
    return "\n\n".join(substrate(registry.find(name)) for name in registry.names())


def substrate(kind: type[Substrate]) -> str:
    """Its settings, then its presets."""
    parts = [f"## {kind.name}", sentence(kind.__doc__)]
    parts.append(fields_table(kind.Config) if fields(kind.Config) else "Nothing to set.")
    if kind.presets:
        rows = [(f"`{kind.name}:{name}`", pairs(given)) for name, given in kind.presets.items()]
        parts += ["Presets:", table(("`--hw`", "sets"), rows)]
    return "\n\n".join(parts)


def pairs(given: Mapping[str, Any]) -> str:
    """NAME=VALUE pairs."""
    return ", ".join(f"`{name}={value}`" for name, value in given.items())


def objectives() -> str:
    """A section for each objective, with the options that it takes."""
    return "\n\n".join(objective(name) for name in OBJECTIVES)


def objective(name: str) -> str:
    """What it raises, and its options."""
    kind = OBJECTIVES[name]
    texts = argument_texts(kind) | argument_texts(kind.__init__)
    rows = [
        (f"`{one.name}`", "required" if one.default is one.empty else f"`{one.default}`", texts.get(one.name, ""))
        for one in inspect.signature(kind.__init__).parameters.values()
        if one.name not in ("self", *kind.needs)
    ]
    listed = table(("name", "default", "what it does"), rows) if rows else "Nothing to set."
    return f"### {name}\n\n{sentence(kind.__doc__)}\n\n{listed}"


def learners() -> str:
    """A section for each learner, with the settings of its own."""
    parts = []
    for name, kind in LEARNERS.items():
        listed = fields_table(kind.Options) if fields(kind.Options) else "No settings of its own."
        parts.append(f"### {name}\n\n{sentence(kind.__doc__ or inspect.getmodule(kind).__doc__)}\n\n{listed}")
    return "\n\n".join(parts)


def faults() -> str:
    """A table of all faults."""
    rows = [(f"`{name}`", f"{kind.size}, {kind.range}", kind.about) for name, kind in KINDS.items()]
    return table(("kind", "size", "what happens"), rows)


def sentence(doc: str | None) -> str:
    """The first paragraph of a docstring, in one line, ready for Markdown."""
    return cell(inspect.cleandoc(doc or "").partition("\n\n")[0])


def cell(words: str) -> str:
    """Words without line breaks, and with what Markdown and HTML would take for their own escaped outside of code."""
    line = re.sub(r"\s+", " ", str(words)).strip()
    parts = re.split(r"(``.+?``|`.+?`)", line)
    quiet = [part if index % 2 else re.sub(r"([*<\[\]_^\\])", r"\\\1", part) for index, part in enumerate(parts)]
    return "".join(quiet).replace("|", "\\|")


def table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table; the last column is prose, the others stand as they are."""
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join([*(one.replace("|", "\\|") for one in row[:-1]), cell(row[-1])]) + " |" for row in rows]
    return "\n".join(lines)
