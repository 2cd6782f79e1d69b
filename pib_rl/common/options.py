"""Configurations from plain options, and from files: names and types checked, with the nearest name offered."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import numpy as np
import yaml

from pib_rl.common.yaml_numbers import load_yaml

T = TypeVar("T")
LARGEST = 3.4e38  # what a 32-bit float can hold, nearly
BITS = range(2, 25)  # of a converter
LARGEST_TEXT, MOST_VALUES, DEEPEST = 2**24, 10**6, 50  # of a settings file: bytes, values, levels
UNREADABLE = (yaml.YAMLError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
SHORT = 120  # letters of a value that a message repeats
CALLED: dict[Any, str] = {dict: "a mapping", bool: "true or false", type(None): "none"}  # types, in messages


def nearest(name: object, known: list[str]) -> str:
    """'did you mean ...?' with the nearest known names, or the list of all when none is near."""
    close = get_close_matches(str(name)[:SHORT], known, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(close)}?" if close else f"known: {', '.join(known)}"


def configure(kind: type[T], options: dict[str, Any], owner: str) -> T:
    """A configuration dataclass with ``options`` in place of its defaults, as `admit` takes them for its fields."""
    hints = get_type_hints(kind)
    return kind(**admit({field.name: hints[field.name] for field in fields(kind)}, options, owner))  # type: ignore[arg-type]


def admit(hints: dict[str, Any], options: dict[str, Any], owner: str) -> dict[str, Any]:
    """``options`` whose names and types are those of ``hints``.

    Numbers, truth values and words of NumPy become Python's, whole numbers floats where those are asked for.

    Args:
        hints: Type of each option: a number, string, truth value, literal, None, or a union of them.
        options: Values by name.
        owner: Who has these options, for messages.

    Raises:
        ValueError: If an option is unknown, has the wrong type, or is not finite.
    """
    known, values = list(hints), dict(options)
    for name, value in options.items():
        if name not in known:
            raise ValueError(f"{owner} has no option {name!r}; {nearest(str(name), known) if known else 'it has none'}")
        admitted = _alternatives(hints[name])
        if isinstance(value, np.generic):
            value = values[name] = value.item()
        if type(value) is int and int not in admitted and float in admitted:
            with suppress(OverflowError):
                value = values[name] = float(value)
        if type(value) not in admitted and not (isinstance(value, str) and value in admitted):
            names = " or ".join(map(_called, admitted))
            raise ValueError(f"{owner} option {name} must be {names}, got {value!r}")
        if isinstance(value, float) and not abs(value) <= LARGEST:
            what = f"at most {LARGEST:g} in size" if math.isfinite(value) else "a finite number"
            raise ValueError(f"{owner} option {name} must be {what}, got {value}")
    return values


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file, names to values.

    Raises:
        ValueError: If the file is missing, not YAML, too large or too deep, or no mapping from names.
    """
    content = _parsed(path, load_yaml, "is not YAML")
    if not isinstance(content, dict):
        raise ValueError(f"{path} must hold a mapping of settings (name: value), got {type(content).__name__}")
    check_plain(content, str(path))
    return content


def read_json(path: Path) -> Any:
    """What a JSON file holds; ValueError if the file is missing, not JSON, too large or too deep."""
    content = _parsed(path, json.loads, "cannot be read")
    check_plain(content, str(path))
    return content


def _parsed(path: Path, parse: Callable[[str], Any], otherwise: str) -> Any:
    try:
        size = path.stat().st_size
        text = path.read_text(encoding="utf-8") if size <= LARGEST_TEXT else ""
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} {otherwise}: {error}") from None
    if size > LARGEST_TEXT:
        raise ValueError(f"{path} is too large: {size} bytes, and {LARGEST_TEXT} are the most")
    try:
        return parse(text)
    except RecursionError:
        raise ValueError(f"{path} {otherwise}: it is nested more than {DEEPEST} deep") from None
    except UNREADABLE as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"{path} {otherwise}: {reason}") from None


def check_plain(content: Any, source: str) -> None:
    """Raises ValueError if data from a file are nested too deep, too many, or have names that are no texts.

    Anchors of YAML can make a short file hold billions of values: they are counted as often as they stand there.
    """
    count, layer = 0, [content]
    for _ in range(DEEPEST):
        inner: list[Any] = []
        for value in layer:
            if isinstance(value, dict):
                wrong = next((name for name in value if not isinstance(name, str)), None)
                if wrong is not None or None in value:
                    raise ValueError(f"{source}: names of settings must be texts, got {shown(wrong)}")
                inner.extend(value.values())
            elif isinstance(value, (list, tuple, set)):
                inner.extend(value)
            if count + len(inner) > MOST_VALUES:
                raise ValueError(f"{source} holds more than {MOST_VALUES} values")
        count, layer = count + len(inner), inner
        if not layer:
            return
    raise ValueError(f"{source} is nested more than {DEEPEST} deep")


def check_numbers(
    config: Any,
    owner: str,
    positive: str = "",
    not_negative: str = "",
    positive_or_none: str = "",
    fraction: str = "",
    below_one: str = "",
    bits: str = "",
) -> None:
    """Checks the numbers of a configuration that ``owner`` has; ValueError if one lies outside its range.

    Each further argument names those of one range, separated by blanks: fractions are in 0..1.
    """
    ranges: tuple[tuple[str, Callable[[Any], bool], str], ...] = (
        (positive, lambda value: value > 0, "must be > 0"),
        (not_negative, lambda value: value >= 0, "must be >= 0"),
        (positive_or_none, lambda value: value is None or value > 0, "must be > 0 or none"),
        (fraction, lambda value: 0 <= value <= 1, "is a fraction and must be in 0..1"),
        (below_one, lambda value: 0 <= value < 1, "is a fraction and must be in 0..1 (1 excluded)"),
        (bits, lambda value: value is None or value in BITS, f"must be None or in {BITS[0]}..{BITS[-1]}"),
    )
    for names, holds, words in ranges:
        for name in names.split():
            value = getattr(config, name)
            if not holds(value):
                raise ValueError(f"{owner} {name} {words}, got {value}")


def whole(name: str, value: object, low: int, high: int | None = None) -> int:
    """``value`` if it is a whole number, Python's or NumPy's, in low..high (None: no end); else a ValueError."""
    most = math.inf if high is None else high
    if not isinstance(value, bool) and isinstance(value, (int, np.integer)) and low <= int(value) <= most:
        return int(value)
    bounds = f", {low} or more" if high is None else f" in {low}..{high}"
    raise ValueError(f"{name} must be a whole number{bounds}, got {shown(value)}")


def number(name: str, value: object, low: float = -LARGEST, high: float = LARGEST) -> float:
    """``value`` if it is a number, Python's or NumPy's, in low..high; else a ValueError."""
    kinds = (int, float, np.integer, np.floating)
    if not isinstance(value, bool) and isinstance(value, kinds) and low <= value <= high:
        return float(value)
    raise ValueError(f"{name} must be a number in {low:g}..{high:g}, got {shown(value)}")


def mapping(name: str, value: object) -> dict[str, Any]:
    """Settings by name as a dict, empty for None; numbers of NumPy become Python's.

    Args:
        name: Whose they are, for messages.
        value: What came.

    Raises:
        ValueError: If it is no mapping from names.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise ValueError(f"{name} must be a mapping of names to values, got {shown(value)}")
    return {key: one.item() if isinstance(one, np.generic) else one for key, one in value.items()}


def shown(value: object) -> str:
    """What came, for messages: as Python writes it where that is short, else its type, and the shape of an array."""
    text = repr(value)
    if len(text) <= SHORT and "\n" not in text:
        return text
    shape = f" and shape {value.shape}" if isinstance(value, np.ndarray) else ""
    return f"an object of type {type(value).__name__}{shape}"


def _alternatives(hint: Any) -> list[Any]:
    """Types, and words of literals, that a hint admits."""
    if get_origin(hint) is dict:
        return [dict]
    parts = get_args(hint)
    return [one for part in parts for one in _alternatives(part)] if parts else [hint]


def _called(admitted: Any) -> str:
    """A type or a word in messages."""
    return CALLED.get(admitted, str(getattr(admitted, "__name__", admitted)))
