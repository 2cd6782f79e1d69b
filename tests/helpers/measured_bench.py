"""Files of a measured bench: a transmission matrix, dark frames, the response of a modulator, a camera."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml

PIXELS, MODES = 200, 120
SMALL = {"slm_pixels": 20, "camera_pixels": 30, "photons": 1500.0}  # a network of few units fits on it
CAMERA = {"gain_electrons_per_adu": 2.0, "full_well_electrons": 8000.0, "read_noise_electrons": 5.0, "bits": 12}


def matrix(seed: int = 0, shape: tuple[int, int] = (PIXELS, MODES)) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (3 * (rng.normal(size=shape) + 1j * rng.normal(size=shape))).astype(np.complex64)


def dark(seed: int = 1, frames: int = 16) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (100 + 2 * rng.normal(size=PIXELS) + 3 * rng.normal(size=(frames, PIXELS))).round()


def response(power: float = 1.2) -> str:
    levels = range(0, 256, 5)
    return "\n".join(["grey_level,phase_rad", *(f"{g},{2 * np.pi * (g / 255) ** power:.6f}" for g in levels)])


def write_bench(folder: Path, name: str = "bench.yaml", **content: Any) -> Path:
    """The file of a bench, with a matrix besides unless ``content`` has another; keys of None are left out."""
    folder.mkdir(exist_ok=True)
    if "transmission" not in content:
        np.save(folder / "tm.npy", matrix())
    whole = {"transmission": "tm.npy", **SMALL, **content}
    path = folder / name
    path.write_text(yaml.safe_dump({key: value for key, value in whole.items() if value is not None}))
    return path


def full_bench(folder: Path) -> Path:
    """A bench of which everything is known."""
    folder.mkdir(exist_ok=True)
    np.save(folder / "dark.npy", dark())
    (folder / "slm.csv").write_text(response())
    (folder / "camera.yaml").write_text(yaml.safe_dump({**CAMERA, "offset_adu": {"value": 1, "standard_error": 1}}))
    return write_bench(folder, dark="dark.npy", slm="slm.csv", camera="camera.yaml")
