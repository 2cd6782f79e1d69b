"""A network of several substrates: each unit has one of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pib_rl.physical.mixed_names import check_units
from pib_rl.physical.substrate import Array, Medium, Substrate


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
