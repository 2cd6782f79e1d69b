"""Probes of media: transfer curve, speckle, effective bits."""

from __future__ import annotations

import torch

from pib_rl.inspection.arrays import effective_bits
from pib_rl.inspection.probe import Chip, Curve, Finding, Shines, histogram
from pib_rl.physical.streams import LEARNING
from pib_rl.physical.substrate import Read

STILL = 0.01  # outputs that move less than this share of the one that moves most, in power, are not drawn
REACH, POINTS = 4.0, 81  # drives of a transfer curve, in deviations


def transfer(chip: Chip) -> Finding:
    """Outputs while one drive goes through its range and the others rest."""
    drives = torch.zeros(POINTS, chip.medium.in_features)
    across = torch.linspace(-REACH, REACH, POINTS)
    drives[:, 0] = across
    seen = chip.medium.measure(drives, Read.MEAN)
    moves = (seen - seen.mean(0)).square().mean(0)
    most = [index for index in moves.topk(min(4, len(moves))).indices.tolist() if moves[index] > STILL * moves.max()]
    curves = [Curve(f"output {index + 1}", across, seen[:, index]) for index in most]
    return Finding("transfer of a medium, drive 1", "drive [deviations]", "output [full scale]",
                   {"medium: range of its outputs": float(seen.max() - seen.min())}, curves)


def speckle(chip: Chip) -> Finding | None:
    """Intensities over random drives against the exponential law of fully developed speckle.

    p(I) = exp(-I) at mean 1, contrast (deviation over mean) 1: Goodman, Speckle Phenomena in Optics, 2007, 3.2.1.
    """
    if not isinstance(chip.medium, Shines):
        return None
    drives = chip.substrate.streams.normal(LEARNING, torch.zeros(512, chip.medium.in_features))
    found = chip.medium.intensity(drives)
    share = found / found.mean()
    edges, density = histogram(share, 48, 0.0, 6.0)
    middle = (edges[1:] + edges[:-1]) / 2
    over_pixels = chip.medium.intensity(drives[:1])[0]
    return Finding("speckle: histogram of intensities", "intensity [mean]", "density",
                   {"speckle: contrast over pixels and drives": float(share.std()),
                    "speckle: contrast over pixels, one drive": float(over_pixels.std() / over_pixels.mean())},
                   [Curve("this medium", edges, density.clamp(min=1e-4), bars=True),
                    Curve("exponential law", middle, torch.exp(-middle))], "y")


def bits(chip: Chip) -> Finding:
    """Effective bits of a medium's outputs for normal drives: noisy reads against repeatable ones."""
    drives = chip.substrate.streams.normal(LEARNING, torch.zeros(512, chip.medium.in_features))
    found = effective_bits(chip.medium.measure(drives), chip.medium.measure(drives, Read.MEAN))
    return Finding("effective bits of a medium's output", numbers={"medium: effective bits": found})
