"""Time and energy of a measurement, by part."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from pib_rl.characterisation.measurement import SMALL, Measurement
from pib_rl.characterisation.test_chip import TestChip
from pib_rl.common.palette import BLUE, RED
from pib_rl.common.units import si

SAMPLES = 256


@dataclass(frozen=True)
class MeasurementCosts(Measurement):
    """Latency and energy of one measurement: one sample through medium and array."""

    name: ClassVar[str] = "costs"
    title: ClassVar[str] = "One measurement: time and energy"

    latency: dict[str, float]  # seconds, by part of the chip; 0 where it is not modelled
    energy: dict[str, dict[str, float]]  # joules, by part of the chip and of the hardware in it

    @classmethod
    def measure(cls, chip: TestChip) -> MeasurementCosts:
        """Asks medium and array what a batch of normal drives costs."""
        with chip.bench():
            drive = chip.normal(SAMPLES, chip.medium.in_features)
            h = chip.medium.measure(drive)
            z = chip.array.measure(h)
            costs = {"medium": chip.medium.costs(drive, h), "array": chip.array.costs(h, z)}
        energy = {
            name: {part: float(joules) / SAMPLES for part, joules in each.items()} for name, each in costs.items()
        }
        return cls({"medium": chip.medium.latency, "array": chip.array.latency}, energy)

    def numbers(self) -> dict[str, Any]:
        total = sum(joules for parts in self.energy.values() for joules in parts.values())
        return {
            "latency_s": self.latency,
            "latency_total_s": sum(self.latency.values()),
            "energy_j": self.energy,
            "energy_total_j": total,
        }

    def rows(self) -> list[tuple[str, str]]:
        found = self.numbers()
        latency = ", ".join(si(seconds, "s") for seconds in self.latency.values())
        energy = si(found["energy_total_j"], "J")
        rows = [
            ("latency, medium, array", latency if found["latency_total_s"] else "not modelled"),
            ("energy of a measurement", energy if found["energy_total_j"] else "not modelled"),
        ]
        return rows + [
            (f"  of it {name}, {part}", si(joules, "J"))
            for name, parts in self.energy.items()
            for part, joules in parts.items()
            if joules
        ]

    def labels(self) -> list[tuple[str, str]]:
        return [("latency [s]", ""), ("energy [J]", "")]

    def plot(self, axes: list[Any]) -> None:
        times = [(name, seconds, "s", name) for name, seconds in self.latency.items() if seconds]
        joules = [
            (f"{name}: {part}", value, "J", name)
            for name, parts in self.energy.items()
            for part, value in parts.items()
            if value
        ]
        for each, bars in zip(axes, (times, joules), strict=True):
            _bars(each, bars)


def _bars(axes: Any, bars: list[tuple[str, float, str, str]]) -> None:
    """Bars of label, value, unit and part on a logarithmic axis."""
    if not bars:
        axes.text(0.5, 0.5, "not modelled", ha="center", va="center", transform=axes.transAxes, fontsize=SMALL)
        axes.set_xticks([])
        axes.set_yticks([])
        return
    values = [value for _, value, _, _ in bars]
    for row, (_, value, unit, part) in enumerate(bars):
        axes.barh(row, value, color=BLUE if part == "medium" else RED, alpha=0.7, height=0.6)
        axes.text(value * 1.15, row, si(value, unit), va="center", fontsize=SMALL)
    axes.set_xscale("log")
    low, high = math.floor(math.log10(min(values))) - 1, math.ceil(math.log10(max(values)))
    axes.set_xlim(10.0**low, 10.0 ** (high + 0.45 * (high - low)))
    axes.minorticks_off()
    axes.set_yticks(range(len(bars)), [label for label, _, _, _ in bars])
    axes.set_ylim(max(len(bars), 2) - 0.4, -0.6)
