"""How the weights of an array are distributed as fabricated."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from pib_rl.characterisation.capabilities import Conductive
from pib_rl.characterisation.measurement import Measurement
from pib_rl.characterisation.test_chip import TestChip
from pib_rl.common.palette import BLUE, GREEN, RED

RAIL = 1e-6  # a conductance this near to 0 or to the largest counts as there; devices that spread go beyond the largest


@dataclass(frozen=True)
class Weights(Measurement):
    """Weights in sigma_0 = 1/sqrt(in_features), with the normal law that they are drawn from, and conductances."""

    name: ClassVar[str] = "weights"
    title: ClassVar[str] = "Weights as fabricated"

    weights: Tensor  # in sigma_0, shape (weights,)
    devices: int  # that hold them
    conductances: Tensor | None  # G+ and G-, shape (2, out, in), 0..1 of the largest; None where there are none

    @classmethod
    def measure(cls, chip: TestChip) -> Weights:
        """Reads out what the array holds."""
        array = chip.array
        with chip.bench():
            kept = array.conductances().clone() if isinstance(array, Conductive) else None
            return cls((array.weights() / chip.sigma).flatten(), array.devices, kept)

    def numbers(self) -> dict[str, Any]:
        std, mean = torch.std_mean(self.weights)
        found: dict[str, Any] = {
            "count": self.weights.numel(),
            "devices": self.devices,
            "mean_sigma0": mean.item(),
            "std_sigma0": std.item(),
            "min_sigma0": self.weights.min().item(),
            "max_sigma0": self.weights.max().item(),
        }
        if self.conductances is not None:
            both = self.conductances
            found["conductance_mean"] = both.mean().item()
            found["conductance_at_ends"] = ((both < RAIL) | (both > 1 - RAIL)).float().mean().item()
            found["conductance_min"], found["conductance_max"] = both.min().item(), both.max().item()
        return found

    def rows(self) -> list[tuple[str, str]]:
        found = self.numbers()
        rows = [
            ("weights", f"{found['count']:,} in {found['devices']:,} devices"),
            ("weights, mean and standard deviation", f"{found['mean_sigma0']:.3f}, {found['std_sigma0']:.3f} sigma_0"),
        ]
        if "conductance_at_ends" in found:
            rows.append(("conductances at 0, at the largest, or beyond", f"{100 * found['conductance_at_ends']:.2f} %"))
        return rows

    def labels(self) -> list[tuple[str, str]]:
        labels = [("weight [$\\sigma_0$]", "density [$1/\\sigma_0$]"), ("conductance [of the largest]", "density")]
        return labels[:1] if self.conductances is None else labels

    def plot(self, axes: list[Any]) -> None:
        axes[0].hist(self.weights.numpy(), bins=60, density=True, color=BLUE, alpha=0.6, label="weights")
        reach = max(4.0, self.weights.abs().max().item())
        across = torch.linspace(-reach, reach, 200, dtype=torch.float32)
        density = (-across.square() / 2).exp() / (2 * math.pi) ** 0.5
        axes[0].plot(across, density, color="black", linewidth=1, label="normal law")
        for values, label, colour in zip(
            () if self.conductances is None else self.conductances, ("G+", "G-"), (BLUE, RED), strict=False
        ):
            if values.max() - values.min() > RAIL:
                axes[1].hist(values.flatten().numpy(), bins=50, density=True, color=colour, alpha=0.5, label=label)
            else:
                axes[1].axvline(values.mean().item(), color=GREEN, label=f"{label}, a fixed reference")
        for each in axes:
            each.set_ylim(top=1.3 * each.get_ylim()[1])
