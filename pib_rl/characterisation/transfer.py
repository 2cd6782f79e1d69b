"""Transfer curve of a medium, and its noise along it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from pib_rl.characterisation.measurement import Measurement, plot_band, plot_few
from pib_rl.characterisation.noise import read_std
from pib_rl.characterisation.test_chip import TestChip
from pib_rl.common.palette import BLUE
from pib_rl.physical.substrate import Read

REACH, POINTS = 4.0, 81  # drives go from -4 to 4 standard deviations
USUAL = 1.0  # drive standard deviations to each side, within which noise is counted: beyond, outputs saturate
SLOPE = 0.25  # drive standard deviations to each side, between which a slope is taken


@dataclass(frozen=True)
class Transfer(Measurement):
    """Outputs of a medium while all its drives have the same value."""

    name: ClassVar[str] = "transfer"
    title: ClassVar[str] = "Transfer curve of the medium, all drives alike"

    drive: Tensor  # values of the drives, in drive standard deviations, shape (points,)
    output: Tensor  # in a mean read, in units of the medium's full scale, shape (points, outputs)
    ideal: Tensor  # the same in an ideal read
    noise: Tensor  # standard deviation of repeated reads, same unit, shape (points, outputs)

    @classmethod
    def measure(cls, chip: TestChip) -> Transfer:
        """Drives all inputs of the medium alike, from one end to the other."""
        medium = chip.medium
        drive = torch.linspace(-REACH, REACH, POINTS, dtype=torch.float32)
        alike = drive[:, None].expand(-1, medium.in_features).contiguous()
        with chip.bench():
            mean, ideal = medium.measure(alike, Read.MEAN), medium.measure(alike, Read.IDEAL)
            return cls(drive, mean, ideal, read_std(medium, alike))

    def numbers(self) -> dict[str, Any]:
        step = self.drive[1] - self.drive[0]
        near, middle = round(SLOPE / step.item()), len(self.drive) // 2
        slope = (self.output[middle + near] - self.output[middle - near]) / (2 * near * step)
        return {
            "channels": self.output.shape[1],
            "slope_mean": slope.mean().item(),
            "slope_std": _std(slope),
            "offset_mean": self.output[middle].mean().item(),
            "offset_std": _std(self.output[middle]),
            "min": self.output.min().item(),
            "max": self.output.max().item(),
            "noise": self.noise[self.drive.abs() <= USUAL].square().mean().sqrt().item(),
        }

    def rows(self) -> list[tuple[str, str]]:
        found = self.numbers()
        noise = found["noise"]
        return [
            ("medium, slope at 0, mean and spread", f"{found['slope_mean']:.3f}, {found['slope_std']:.3f}"),
            ("medium, output at 0, mean and spread", f"{found['offset_mean']:.3f}, {found['offset_std']:.3f}"),
            ("medium, noise of a read", f"{noise:.3g} of its full scale" if noise else "none"),
        ]

    def labels(self) -> list[tuple[str, str]]:
        across = "drive [standard deviations]"
        output, noise = (across, "output [full scale of the medium]"), (across, "std of a read [full scale]")
        return [output, noise] if self.noise.any() else [output]

    def plot(self, axes: list[Any]) -> None:
        where = self.drive.tolist()
        plot_band(axes[0], where, self.output, "outputs")
        plot_few(axes[0], where, self.output, "single outputs", BLUE)
        axes[0].plot(where, self.ideal.mean(1), "--", color="black", linewidth=1, label="mean, ideal")
        if self.noise.any():
            plot_band(axes[1], where, self.noise, "outputs")
            axes[1].set_ylim(bottom=0)


def _std(values: Tensor) -> float:
    return values.std().item() if values.numel() > 1 else 0.0
