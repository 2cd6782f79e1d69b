"""One chip out of a wafer."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor


def check_chip(chip: int, chips: int) -> None:
    """Raises ValueError unless a wafer of so many ``chips`` has one of this number, counted from 0."""
    if not 0 <= chip < chips:
        raise ValueError(f"chip must be in 0..{chips - 1}, the chips of this wafer, got {chip}")


def chip_state(wafer: Mapping[str, Tensor], single: Mapping[str, Tensor], chip: int) -> dict[str, Tensor]:
    """The state of one chip of a wafer, as a module that holds one chip loads it.

    What does not fit is left as it is, so that loading it says what that is.

    Args:
        wafer: State dict of a module that holds all chips.
        single: State dict of the same kind of module for one chip; only its names and shapes matter.
        chip: Number of the chip, from 0.
    """
    sizes = {name: own.shape for name, own in single.items()}
    return {
        name: value[chip] if value.ndim and value.shape[1:] == sizes.get(name) else value
        for name, value in wafer.items()
    }
