"""A network of several substrates: each unit has one of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pib_rl.physical.substrate import Array, Medium, Substrate

SEPARATOR = ","  # between the substrates of units: optical,memristive:pcm
FORM = "NUMBER.NAME, such as 2.adc_bits for unit 2"


class MixedSubstrate(Substrate):
    """One substrate for each unit of a network, in order.

    The gain control in front of a medium drives it as its own substrate wants it. The last medium and the readout are
    of the last unit's substrate. All draw from the same streams and count on the same meter.

    Args:
        parts: Substrate of each unit. A substrate that stands there twice makes the parts of both units.
    """

    name = "mixed"
    wafers = True  # a substrate that makes one chip at a time has refused a wafer itself
    Config = tuple

    def __init__(self, parts: Sequence[Substrate]) -> None:
        first = parts[0]
        super().__init__(tuple(part.config for part in parts), first.streams, first.meter)
        self.parts = tuple(parts)
        self.input_gain = first.input_gain

    def of_unit(self, index: int) -> Substrate:
        return self.parts[min(index, len(self.parts) - 1)]

    def check_units(self, units: int) -> None:
        check_units(len(self.parts), units)

    def make_medium(self, in_features: int, out_features: int) -> Medium:
        raise TypeError("a mixed substrate makes the parts of a unit: take of_unit(index).make_medium")

    def make_array(self, in_features: int, out_features: int, *, readout: bool = False) -> Array:
        raise TypeError("a mixed substrate makes the parts of a unit: take of_unit(index).make_array")

    def describe(self) -> dict[str, Any]:
        return {
            f"{number}.{name}": value
            for number, part in enumerate(self.parts, 1)
            for name, value in part.describe().items()
        }


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
