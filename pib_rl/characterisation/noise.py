"""Noise of reading an array, against the size of its inputs and against the weight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from pib_rl.characterisation.measurement import Measurement, plot_band, scatter
from pib_rl.characterisation.test_chip import TestChip
from pib_rl.physical.substrate import Array, Medium

REPEATS = 64
SIZES = tuple(fraction / 8 for fraction in range(9))  # of inputs, in full scales
PATTERNS = 16  # of signs, per size
COLUMNS = 64  # inputs that are driven alone, at most
BINS = 12


@dataclass(frozen=True)
class ReadNoise(Measurement):
    """Standard deviations of repeated reads, converters included."""

    name: ClassVar[str] = "read_noise"
    title: ClassVar[str] = "Noise of a read of the array (converter included)"

    by_size: Tensor  # for inputs +-size of random signs, root mean square over patterns, shape (sizes, outputs)
    weights: Tensor  # of inputs driven alone, in sigma_0, shape (weights,)
    by_weight: Tensor  # standard deviation of reads of those weights at full scale, in sigma_0, same shape

    @classmethod
    def measure(cls, chip: TestChip) -> ReadNoise | None:
        """Reads the same inputs again and again; None if they always give the same."""
        array = chip.array
        with chip.bench():
            signs = chip.signs(PATTERNS, array.in_features)
            by_size = torch.stack([read_std(array, size * signs).square().mean(0).sqrt() for size in SIZES])
            columns = min(COLUMNS, array.in_features)
            alone = torch.eye(array.in_features, dtype=torch.float32)[:columns]
            by_weight = read_std(array, alone) / chip.sigma
            weights = array.weights()[:, :columns].T / chip.sigma
        if not (by_size.any() or by_weight.any()):
            return None
        return cls(by_size, weights.flatten(), by_weight.flatten())

    def numbers(self) -> dict[str, Any]:
        overall = self.by_size.square().mean(1).sqrt()
        return {
            "input_sizes": list(SIZES),
            "noise_z": overall.tolist(),
            "noise_full_scale_z": overall[-1].item(),
            "noise_one_weight_sigma0": self.by_weight.square().mean().sqrt().item(),
        }

    def rows(self) -> list[tuple[str, str]]:
        found = self.numbers()
        return [
            ("read noise, all inputs at full scale", f"{found['noise_full_scale_z']:.3g} of z"),
            ("read noise, one input at full scale", f"{found['noise_one_weight_sigma0']:.3g} sigma_0"),
        ]

    def labels(self) -> list[tuple[str, str]]:
        return [
            ("size of all inputs [full scale]", "std of a read [units of z]"),
            ("weight [$\\sigma_0$], its input alone at full scale", "std of a read [$\\sigma_0$]"),
        ]

    def plot(self, axes: list[Any]) -> None:
        plot_band(axes[0], SIZES, self.by_size, "outputs")
        scatter(axes[1], self.weights, self.by_weight, "single weights")
        centre, mean = binned(self.weights, self.by_weight)
        axes[1].plot(centre, mean, "o-", color="black", markersize=3, label="root mean square")
        for each in axes:
            each.set_ylim(bottom=0)


def read_std(part: Medium | Array, inputs: Tensor, repeats: int = REPEATS) -> Tensor:
    """Standard deviation of so many noisy reads of the same inputs, in the unit of the part's output.

    Shape (n, out_features), from inputs of shape (n, in_features).
    """
    reads = part.measure(inputs.repeat(repeats, 1))
    return reads.view(repeats, len(inputs), -1).double().std(0).float()


def binned(across: Tensor, up: Tensor) -> tuple[Tensor, Tensor]:
    """Mean position and root mean square of equally filled bins."""
    order = across.argsort()
    parts = [part for part in torch.tensor_split(order, BINS) if len(part)]
    return (
        torch.stack([across[part].mean() for part in parts]),
        torch.stack([up[part].square().mean().sqrt() for part in parts]),
    )
