"""Photon transfer curves of a simulated camera: electrons by Poisson's law, a full well, read noise, rounding."""

from __future__ import annotations

from pathlib import Path

import numpy as np

GAIN, READ_NOISE, FULL_WELL, OFFSET = 2.4, 9.0, 18_000.0, 101.3
HEADER = "exposure,mean_adu,variance_adu"


def curve(
    seed: int, *, samples: int = 20_000, top: float = 1.6, dark: bool = True, gain: float = GAIN, points: int = 30
) -> np.ndarray:
    """Exposure, mean and variance of pictures up to ``top`` full wells, shape (points, 3)."""
    rng = np.random.default_rng(seed)
    electrons = np.concatenate([[0.0] * 3 * dark, np.geomspace(20, top * FULL_WELL, points)])
    rows = []
    for mean in electrons:
        filled = np.minimum(rng.poisson(mean, samples), FULL_WELL)
        codes = np.rint(OFFSET + (filled + READ_NOISE * rng.normal(size=samples)) / gain)
        rows.append((mean / 1e4, codes.mean(), codes.var(ddof=1)))
    return np.array(rows)


def write_curve(path: Path, rows: np.ndarray, header: str = HEADER) -> Path:
    """The rows as a .csv file."""
    path.write_text("\n".join([header, *(",".join(f"{value:.10g}" for value in row) for row in rows)]))
    return path
