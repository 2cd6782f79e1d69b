"""What a chip is and what is on it: everything that decides how it is fabricated."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from pib_rl.agents.patches import Grid, Patch
from pib_rl.common.limits import sized
from pib_rl.common.options import mapping, shown, whole
from pib_rl.physical import registry


@dataclass(frozen=True)
class ChipConfig:
    """A chip with a network of units on it. The same configuration always gives the same chip.

    Args:
        hw: Name of a substrate, such as "memristive", of one with a preset, "memristive:pcm" (`registry.names`), or
            with a file that describes the user's own hardware, "memristive:my-device.yaml": what it holds is then
            among ``hw_options``, and the file is needed no more. Or one for each unit, patch units first, such as
            "optical,memristive:pcm".
        hw_options: Values of the substrate's configuration that differ from its default. With one substrate for each
            unit, names begin with the number of the unit: {"2.adc_bits": 6}.
        width: Outputs of each unit. Wider units learn more, and cost more devices and energy.
        units: Number of units in series.
        patches: (channels, size, stride) of each unit that looks at squares of an image, see `Patch`; they stand in
            front of the ``units`` others.
        image: (height, width) or (height, width, channels) of the image that they look at, see `Grid`; None for no
            image.
        objective: What every unit maximises on its own: a name in `pib_rl.agents.objectives.OBJECTIVES`.
        objective_options: Its keyword arguments.
        seed: Seed of fabrication and of all noise.
        chips: Chips of a wafer that are simulated side by side, each with the same network on it; chip k of seed s is
            the chip that seed s + k makes alone. 1 is a single chip.

    Plain tuples serve for patches and image, None for no options.

    Raises:
        ValueError: If a value has the wrong type or lies outside its range. Whether ``hw``, ``objective`` and their
            options exist is checked where the chip is made.
    """

    hw: str = "digital"
    hw_options: dict[str, Any] = field(default_factory=dict)
    width: int = 64
    units: int = 2
    patches: Sequence[Patch] = ()
    image: Grid | None = None
    objective: str = "decoder"
    objective_options: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    chips: int = 1

    def __post_init__(self) -> None:
        for name, kind, example in (("hw", "a substrate", "memristive"), ("objective", "an objective", "decoder")):
            value = getattr(self, name)
            if not isinstance(value, str):
                raise ValueError(f"{name} must be the name of {kind}, such as {example}, got {shown(value)}")
        set_field = object.__setattr__  # the way to assign in a frozen dataclass
        for name in ("width", "units", "seed", "chips"):
            set_field(self, name, sized(name, getattr(self, name)))
        for name in ("hw_options", "objective_options"):
            set_field(self, name, mapping(name, getattr(self, name)))
        hw, options = registry.resolve(self.hw, self.hw_options)
        set_field(self, "hw", hw)
        set_field(self, "hw_options", options)
        if self.image is not None:
            set_field(
                self, "image", Grid(*_numbers("image", self.image, "(height, width) or (height, width, channels)"))
            )
        if not isinstance(self.patches, Sequence):
            raise ValueError(f"patches must be a list of (channels, size, stride), got {shown(self.patches)}")
        patches = tuple(Patch(*_numbers("every patch", patch, "(channels, size, stride)")) for patch in self.patches)
        set_field(self, "patches", patches)


def _numbers(name: str, value: object, form: str) -> list[int]:
    """The numbers of an image or of a patch; ``form`` says how they may come."""
    counts = [option.count(",") + 1 for option in form.split(" or ")]
    if isinstance(value, Sequence) and len(value) in counts:
        with suppress(ValueError):
            return [whole(name, part, 1) for part in value]
    raise ValueError(f"{name} must be {form}, whole numbers, 1 or more each, got {shown(value)}")
