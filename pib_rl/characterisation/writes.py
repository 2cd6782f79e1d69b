"""What a write makes of the change that was asked for, what it costs, and for how many the devices are good."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from pib_rl.characterisation.measurement import Measurement, scatter
from pib_rl.characterisation.test_chip import TestChip
from pib_rl.common.palette import PALETTE
from pib_rl.common.units import si

UPDATES = 20
SIZE = 0.1  # sigma_0: standard deviation of a wanted change
SHOWN = 4000  # weights in the picture, at most


@dataclass(frozen=True)
class Writes(Measurement):
    """Random changes of weights of standard deviation 0.1 sigma_0, as they were asked for and as they came."""

    name: ClassVar[str] = "writes"
    title: ClassVar[str] = "Writes: random changes of 0.1 $\\sigma_0$"

    asked: Tensor  # wanted change of the first update, in sigma_0, shape (weights,)
    got: Tensor  # change that came of it
    pulses: tuple[float, float]  # per device and update: mean, and those of the most written device
    joules: float  # energy of an update per weight; 0 where it is not modelled
    endurance: float | None  # pulses that a device is good for; None where none is stated

    @classmethod
    def measure(cls, chip: TestChip) -> Writes:
        """Asks for random changes of all weights, one after the other."""
        array, meter = chip.array, chip.substrate.meter
        with chip.bench(metered=True), meter.lap() as spent:
            before, worn = array.weights().clone(), array.wear.clone()
            asked = SIZE * chip.normal(array.out_features, array.in_features)
            array.program(asked * chip.sigma)
            got = (array.weights() - before) / chip.sigma
            for _ in range(UPDATES - 1):
                array.program(SIZE * chip.sigma * chip.normal(array.out_features, array.in_features))
            pulses = (array.wear - worn) / UPDATES
            joules = spent() / (UPDATES * array.weights_held)
        return cls(
            asked.flatten(), got.flatten(), (pulses.mean().item(), torch.amax(pulses).item()), joules, array.endurance
        )

    def numbers(self) -> dict[str, Any]:
        gain = (self.asked * self.got).sum() / self.asked.square().sum()
        error = (self.got - self.asked).square().mean().sqrt()
        return {
            "asked_std_sigma0": SIZE,
            "gain": gain.item(),
            "error_sigma0": error.item(),
            "pulses_per_device": self.pulses[0],
            "pulses_most_written": self.pulses[1],
            "energy_per_weight_j": self.joules,
            "endurance_pulses": self.endurance,
            "updates_until_worn": self.endurance / self.pulses[1] if self.endurance and self.pulses[1] else None,
        }

    def rows(self) -> list[tuple[str, str]]:
        found = self.numbers()
        worn = found["updates_until_worn"]
        stated = f"{self.endurance:.0e} pulses" if self.endurance else "none stated"
        return [
            ("a write of 0.1 sigma_0: gain, error", f"{found['gain']:.2f}, {found['error_sigma0']:.2g} sigma_0"),
            ("pulses a device and write", f"{self.pulses[0]:.2g}"),
            ("energy of a write, a weight", si(self.joules, "J") if self.joules else "not modelled"),
            ("endurance", f"{stated}, {worn:.1g} such writes" if worn else stated),
        ]

    def labels(self) -> list[tuple[str, str]]:
        changes = ("change asked for [$\\sigma_0$]", "change that came [$\\sigma_0$]")
        wear = ("writes of 0.1 $\\sigma_0$ to every weight", "fraction of the endurance used")
        return [changes, wear] if self.endurance else [changes]

    def plot(self, axes: list[Any]) -> None:
        scatter(axes[0], self.asked[:SHOWN], self.got[:SHOWN], "single weights")
        ends = [self.asked.min().item(), self.asked.max().item()]
        axes[0].plot(ends, ends, color="black", linewidth=0.8, zorder=0, label="what was asked for")
        if self.endurance and self.pulses[1]:
            end = 10 * self.endurance / self.pulses[1]
            for used, label, colour in zip(self.pulses, ("mean device", "most written device"), PALETTE, strict=False):
                axes[1].plot([1, end], [used / self.endurance, end * used / self.endurance], color=colour, label=label)
            axes[1].axhline(1, color="black", linewidth=1, linestyle="--", label="worn out")
            axes[1].loglog()
