"""How the substrates of a mixed network and their options are named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SEPARATOR = ","  # between the substrates of units: optical,memristive:pcm
FORM = "NUMBER.NAME, such as 2.adc_bits for unit 2"


def check_units(named: int, units: int) -> None:
    """Raises ValueError unless as many substrates are ``named`` as a network has ``units``."""
    if named != units:
        raise ValueError(
            f"hw names {named} substrates, and the network has {units} unit{'s' * (units != 1)}, patch units included; "
            "name one for each unit, or one for all"
        )


def split_options(options: Mapping[str, Any], units: int) -> list[dict[str, Any]]:
    """The options of each unit's substrate, from those of all, whose names begin with the unit's number from 1.

    Raises:
        ValueError: If a name is without a number, or there is no such unit.
    """
    found: list[dict[str, Any]] = [{} for _ in range(units)]
    for name, value in options.items():
        number, point, own = name.partition(".")
        if not (point and number.isdecimal() and own):
            raise ValueError(f"options of several substrates must be {FORM}, got {name!r}")
        if not 1 <= int(number) <= units:
            raise ValueError(f"the unit of an option must be in 1..{units}, as hw names {units}, got {name!r}")
        found[int(number) - 1][own] = value
    return found
