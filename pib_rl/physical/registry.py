"""Substrates by name: the built-in ones and those of installed packages, imported when they are first asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import is_dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pib_rl.common.late.catalogue import Catalogue
from pib_rl.common.options import configure, nearest, shown
from pib_rl.physical.mixed_names import SEPARATOR, split_options
from pib_rl.physical.mixed_names import check_units as check_count

if TYPE_CHECKING:
    from pib_rl.common.streams import Streams
    from pib_rl.physical.meter import Meter
    from pib_rl.physical.substrate import Substrate

GROUP = "pib_rl.substrates"
FILES = (".yaml", ".yml")  # ends of names of files that describe hardware
BUILT_IN: Catalogue[type[Substrate]] = Catalogue(
    {
        "digital": "pib_rl.physical.digital:Digital",
        "memristive": "pib_rl.physical.memristive.substrate:Memristive",
        "mzi": "pib_rl.physical.mzi.substrate:MZI",
        "optical": "pib_rl.physical.optical.substrate:Optical",
        "oscillator": "pib_rl.physical.oscillator:Oscillator",
        "remote": "pib_rl.physical.remote.substrate:Remote",
    }
)
_REGISTRY: dict[str, type[Substrate]] = {}  # those that other packages and programs bring


def register(kind: type[Substrate]) -> type[Substrate]:
    """Adds a substrate under its ``name``, which must be new; usable as a class decorator."""
    known = BUILT_IN[kind.name] if kind.name in BUILT_IN else _REGISTRY.setdefault(kind.name, kind)
    if known is not kind:
        raise ValueError(f"a substrate named {kind.name!r} is registered already: {known.__module__}")
    return kind


def names() -> list[str]:
    """All known substrate names, sorted."""
    return sorted({*BUILT_IN, *_REGISTRY, *(entry.name for entry in entry_points(group=GROUP))})


def find(name: str) -> type[Substrate]:
    """The substrate class of that name; entry points of the group ``pib_rl.substrates`` load at first use.

    A preset behind a colon does not count here.

    Raises:
        ValueError: If there is none, then the message offers the nearest names, or it has no ``Config``.
    """
    if not isinstance(name, str):
        raise ValueError(f"a substrate must be a name, such as {names()[0]}, got {shown(name)}")
    name = base(name)
    if name in BUILT_IN:
        return BUILT_IN[name]
    if name not in _REGISTRY:
        for entry in entry_points(group=GROUP, name=name):
            _REGISTRY[name] = entry.load()
    if name not in _REGISTRY:
        own = name.endswith((".yaml", ".yml"))  # a file alone
        hint = f"a file needs its substrate, such as memristive:{name}" if own else nearest(name, names())
        raise ValueError(f"unknown substrate {name!r}; {hint}")
    kind = _REGISTRY[name]
    if not is_dataclass(config := getattr(kind, "Config", None)):
        raise ValueError(
            f"substrate {name} needs the dataclass of its options as class attribute Config, got {shown(config)}; add "
            "one, with fields or without"
        )
    return kind


def make(name: str, options: dict[str, Any], streams: Streams, meter: Meter) -> Substrate:
    """A substrate by name, or SUBSTRATE:PRESET, its configuration changed by ``options``: they go before the preset's.

    Several names with commas between them make a `MixedSubstrate`, one for each unit; their options begin with the
    number of the unit, such as ``2.adc_bits``. Units of the same substrate with the same configuration share it.
    SUBSTRATE:FILE.yaml reads what the user has measured, see `resolve`.

    Raises:
        ValueError: If the name, the preset or an option is unknown, or a value lies outside its range.
    """
    name, options = resolve(name, options)
    named = each(name)
    if len(named) == 1:
        return find(name)(_configured(name, options), streams, meter)
    from pib_rl.physical.mixed import MixedSubstrate  # late: names alone need no torch

    made: list[tuple[type[Substrate], Any, Substrate]] = []
    for one, own in zip(named, split_options(options, len(named)), strict=True):
        kind, config = find(one), _configured(one, own)
        known = (part for other, setting, part in made if other is kind and setting == config)
        part = next(known, None) or kind(config, streams, meter)
        made.append((kind, config, part))
    return MixedSubstrate([part for *_, part in made])


def _configured(name: str, options: dict[str, Any]) -> Any:
    return configure(find(name).Config, {**preset(name), **options}, base(name))


def check(name: str) -> None:
    """Raises ValueError unless ``name`` is a substrate, SUBSTRATE:PRESET or SUBSTRATE:FILE.yaml, or several of them."""
    check_resolved(resolve(name, {})[0])


def check_resolved(name: str) -> None:
    """As `check`, of a name as `resolve` gives it: files were read already and need not be there any more."""
    for one in each(name):
        if base(one) not in BUILT_IN:  # which are well made: a bare name of them need not be imported
            find(one)
        preset(one)


def check_units(name: str, units: int) -> None:
    """Raises ValueError if ``name`` is several substrates, and not as many as a network has units, patch units too."""
    if len(each(name)) > 1:
        check_count(len(each(name)), units)


def each(name: str) -> list[str]:
    """The substrates that ``name`` has for units, in order; of one name for all units, that name."""
    return name.split(SEPARATOR)


def for_each(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Options of one substrate as `make` takes them for ``name``: for every unit where ``name`` has several."""
    count = len(each(name))
    if count == 1:
        return dict(options)
    return {f"{number}.{own}": value for number in range(1, count + 1) for own, value in options.items()}


def is_file(name: str) -> bool:
    """Whether this is SUBSTRATE:FILE.yaml, hardware that a file describes."""
    return name.partition(":")[2].lower().endswith(FILES)


def resolve(name: str, options: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Name and options that need no file any more: what SUBSTRATE:FILE.yaml holds goes among the options.

    Of the name the file's own name is left, for people. Where the options have what the file would give, it is not
    read: what was stored once is complete.

    Raises:
        ValueError: If the file can't be read, or the substrate takes none.
    """
    named = each(name)
    if len(named) == 1:
        return _resolved(name, options)
    if not any(map(is_file, named)):
        return name, dict(options)
    found = [_resolved(one, own) for one, own in zip(named, split_options(options, len(named)), strict=True)]
    numbered = {f"{number}.{own}": value for number, (_, few) in enumerate(found, 1) for own, value in few.items()}
    return SEPARATOR.join(one for one, _ in found), numbered


def _resolved(name: str, options: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The same for one substrate."""
    own, _, wanted = name.partition(":")
    if not is_file(name):
        return name, dict(options)
    kind, path = find(own), Path(wanted)
    found = dict(options)
    if kind.file_option is None or kind.file_option not in found:
        found = {**kind.read_options(path.expanduser()), **found}  # what is given by name goes before the file
    return f"{own}:{path.name}", found


def base(name: str) -> str:
    """The own name of a substrate, without a preset; of several, all that differ: settings of one are not theirs."""
    return SEPARATOR.join(dict.fromkeys(one.partition(":")[0] for one in each(name)))


def file_name(name: str) -> str:
    """The name as a part of the name of a file or folder."""
    return name.replace(":", "-").replace(SEPARATOR, "+")


def preset(name: str) -> dict[str, Any]:
    """Options of the preset in SUBSTRATE:PRESET, none of a bare name; ValueError if one of the two is unknown."""
    own, colon, wanted = name.partition(":")
    if not colon or is_file(name):
        return {}
    known = find(own).presets
    if wanted not in known:
        hint = nearest(wanted, list(known)) if known else "it has none"
        raise ValueError(f"substrate {own} has no preset {wanted!r}; {hint}")
    return dict(known[wanted])
