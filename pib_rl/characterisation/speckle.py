"""Statistics of the light behind an optical medium, against the law of fully developed speckle."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from pib_rl.characterisation.capabilities import Luminous
from pib_rl.characterisation.measurement import SMALL, Measurement
from pib_rl.characterisation.test_chip import TestChip
from pib_rl.common.palette import BLUE

DRIVES = 256


@dataclass(frozen=True)
class Speckle(Measurement):
    """Intensities on all detectors for normal drives.

    Fully developed speckle of one polarisation has p(I) = exp(-I/<I>)/<I> and contrast std(I)/<I> = 1; the sum of M
    such patterns contrast 1/sqrt(M). N independent detectors show contrast 1 with a standard error
    of 1/sqrt(N) (delta method). Source: Goodman, Speckle Phenomena in Optics (2007), section 3.2.1.
    """

    name: ClassVar[str] = "speckle"
    title: ClassVar[str] = "Light on the detectors"

    intensity: Tensor  # noise-free, shape (drives, detectors)

    @classmethod
    def measure(cls, chip: TestChip) -> Speckle | None:
        """Looks at the light for normal drives; None where the medium has none."""
        if not isinstance(chip.medium, Luminous):
            return None
        with chip.bench():
            return cls(chip.medium.intensity(chip.normal(DRIVES, chip.medium.in_features)))

    def numbers(self) -> dict[str, Any]:
        relative = self.intensity / self.intensity.mean()
        return {
            "detectors": relative.shape[1],
            "mean": self.intensity.mean().item(),
            "contrast": contrast(self.intensity),
            "law_contrast": 1.0,
            "law_contrast_error": relative.shape[1] ** -0.5,
            "above_4_means": (relative > 4).float().mean().item(),
            "law_above_4_means": math.exp(-4),
            "modulation": (self.intensity.std(0) / self.intensity.mean(0).clamp(min=1e-12)).mean().item(),
        }

    def rows(self) -> list[tuple[str, str]]:
        found = self.numbers()
        error = f"{found['contrast']:.2f} (error {found['law_contrast_error']:.2f})"
        return [
            ("speckle contrast (1 by the exponential law)", error),
            ("light above 4 means (1.83 % by that law)", f"{100 * found['above_4_means']:.2f} %"),
        ]

    def labels(self) -> list[tuple[str, str]]:
        return [("intensity / mean intensity", "probability density"), ("detector (first 64)", "drive (first 32)")]

    def plot(self, axes: list[Any]) -> None:
        relative = self.intensity / self.intensity.mean()
        end = max(8.0, relative.max().item())
        measured = f"measured, contrast {contrast(self.intensity):.2f}"
        counted = relative.flatten().numpy()
        axes[0].hist(counted, bins=80, range=(0, end), density=True, color=BLUE, alpha=0.6, label=measured)
        across = torch.linspace(0, end, 100, dtype=torch.float32)
        law = f"exponential law, contrast 1 $\\pm$ {relative.shape[1] ** -0.5:.2f}"
        axes[0].plot(across, (-across).exp(), color="black", linewidth=1, label=law)
        axes[0].set_yscale("log")
        axes[0].set_ylim(bottom=max(1e-6, 0.3 / relative.numel()))
        axes[1].grid(False)
        shown = axes[1].imshow(relative[:32, :64], aspect="auto", cmap="inferno", vmin=0, vmax=4)
        bar = axes[1].figure.colorbar(shown, ax=axes[1])
        bar.set_label("intensity / mean", fontsize=SMALL)
        bar.ax.tick_params(labelsize=SMALL)


def contrast(intensity: Tensor) -> float:
    """std(I)/<I> over all elements."""
    std, mean = torch.std_mean(intensity.double())
    return (std / mean).item()
