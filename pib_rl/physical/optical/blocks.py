"""Which part of a measured bench a medium gets: camera pixels and modulator pixels of its own, drawn from the seed."""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pib_rl.common.streams import FABRICATION, Streams
from pib_rl.physical.optical.config import OpticalConfig
from pib_rl.physical.optical.measured_arrays import StoredArray, read_array
from pib_rl.physical.optical.own_bench import OwnBench

QUANTISED = 1 / 12  # ADC codes squared: variance of rounding, which the simulated ADC adds again
FRAMES_PER_PIXEL = 8  # dark frames from which on each pixel has a read noise of its own


class DarkPixels(NamedTuple):
    """What camera pixels show in the dark.

    Args:
        offset: Mean, in mean intensities, shape (*chips, 1, pixels).
        noise: Standard deviation, in electrons, same shape; None from a single frame.
    """

    offset: Tensor
    noise: Tensor | None


class BenchBlock(NamedTuple):
    """The part of a bench that a medium gets.

    Args:
        transmission: Real and imaginary parts, mean |t|^2 of the whole matrix 1, shape (*chips, 2, rows, columns);
            zeros if missing.
        dark: Of its camera pixels, or none.
        missing: Why there is nothing, in words; empty if there is.
    """

    transmission: Tensor
    dark: DarkPixels | None
    missing: str


class BenchBlocks:
    """Hands out parts of a bench: no camera pixel and no modulator pixel twice in one network.

    Args:
        bench: The bench.
        config: Of the substrate.
        streams: Where the order of pixels, and phases that were not measured, are drawn.
    """

    def __init__(self, bench: OwnBench, config: OpticalConfig, streams: Streams) -> None:
        self._bench, self._config, self._streams = bench, config, streams
        self._rows, self._columns = (
            streams.uniform(FABRICATION, streams.zeros(count)).argsort(-1) for count in (bench.pixels, bench.modes)
        )
        self._taken_rows, self._taken_columns = 0, 0

    def take(self, rows: int, columns: int, sums: int) -> BenchBlock:
        """The next part.

        Args:
            rows: Rows of the matrix, that is camera pixels.
            columns: Columns of the matrix, that is modulator pixels.
            sums: Rows that a pixel of the simulated camera sums (``modes`` of the configuration).

        Raises:
            ValueError: If the bench has not so many left, no light comes through them, or the dark frames are as bright
                as the camera's ADC can tell.
        """
        first, start = self._taken_rows, self._taken_columns
        bench = self._bench
        if first + rows > bench.pixels or start + columns > bench.modes:
            raise ValueError(
                f"the bench has {bench.pixels} camera pixels and {bench.modes} modulator pixels, of which other units "
                f"have {first} and {start}, and the next unit needs {rows} and {columns}; lower camera_pixels, "
                "slm_pixels, --width or --units, or measure a larger matrix"
            )
        self._taken_rows, self._taken_columns = first + rows, start + columns
        own = self._rows[..., first : first + rows]
        others = self._columns[..., start : start + columns]
        missing = bench.trouble()
        if missing:
            like = self._streams.zeros(2, rows, columns)
            dark = None if bench.dark is None else _no_dark(self._streams.zeros(1, rows // sums))
            return BenchBlock(like, dark, missing)
        return BenchBlock(self._lit(own, others), self._dark(own[..., : rows // sums]), "")

    def _lit(self, rows: Tensor, columns: Tensor) -> Tensor:
        part = self._matrix(rows, columns)
        if not part.flatten(-3).any(-1).all():
            raise ValueError(
                f"{self._bench.transmission.file}: all numbers in the {rows.shape[-1]} rows and {columns.shape[-1]} "
                "columns that a unit got are 0, so that its camera sees no light; leave rows and columns of zeros out"
            )
        return part

    def _matrix(self, rows: Tensor, columns: Tensor) -> Tensor:
        whole = matrix(self._bench.transmission)
        part = torch.from_numpy(whole)[rows[..., :, None], columns[..., None, :]]
        if part.is_complex():
            return torch.stack([part.real, part.imag], -3)
        phase = self._streams.uniform(FABRICATION, part).mul_(2 * math.pi)
        size = part.sqrt()
        return torch.stack([size * phase.cos(), size * phase.sin()], -3)

    def _dark(self, rows: Tensor) -> DarkPixels | None:
        if self._bench.dark is None:
            return None
        mean, std = dark_statistics(self._bench.dark)
        bits = self._config.camera_bits
        assert bits is not None
        last = 2**bits - 1
        if np.median(mean) >= last or mean.max() > last:
            raise ValueError(
                f"{self._bench.dark.file}: dark frames of {np.median(mean):.4g} ADC codes, and {mean.max():.4g} at "
                f"most, do not fit an ADC of {bits} bits, which ends at {last}; give frames taken in the dark, or the "
                "camera's bits"
            )
        per_code, electrons = self._config.electrons_per_adu, self._config.electrons
        assert per_code is not None
        assert electrons is not None
        offset, noise = (None if one is None else torch.from_numpy(one)[rows][..., None, :] for one in (mean, std))
        assert offset is not None
        return DarkPixels(offset * (per_code / electrons), None if noise is None else noise * per_code)


def _no_dark(like: Tensor) -> DarkPixels:
    """In the place of frames that are missing: a saved policy fills it."""
    return DarkPixels(like, like.clone())


@lru_cache(maxsize=1)
def matrix(stored: StoredArray) -> np.ndarray:
    """The matrix in a file, scaled to a mean |t|^2 of 1: complex64, or |t|^2 as float32 of intensities alone."""
    found = read_array(Path(stored.file))
    if not np.iscomplexobj(found):
        power = _to_one(found, found)
        size: np.ndarray = (power / power.mean(dtype=np.float64)).astype(np.float32)
        return size
    scaled = np.empty(found.shape, np.complex64)
    for part, own in ((scaled.real, found.real), (scaled.imag, found.imag)):
        part[...] = _to_one(own, found.real, found.imag)
    scaled /= np.float32(np.sqrt(np.mean(np.abs(scaled) ** 2, dtype=np.float64)))
    return scaled


def _to_one(values: np.ndarray, *parts: np.ndarray) -> np.ndarray:
    """``values`` over the largest size of a number in ``parts``: their squares neither overflow nor vanish."""
    largest = max(abs(end) for part in parts for end in (part.max(), part.min()))
    found: np.ndarray = np.divide(values, largest, dtype=np.result_type(values.dtype, np.float32))
    return found


@lru_cache(maxsize=1)
def dark_statistics(stored: StoredArray) -> tuple[np.ndarray, np.ndarray | None]:
    """Mean and standard deviation of each pixel over dark frames, in ADC codes, shape (pixels,), float32.

    Rounding is taken out of the deviation. From fewer than 8 frames all pixels have their common one; from a single
    frame there is none.
    """
    frames = np.atleast_2d(read_array(Path(stored.file))).astype(np.float64)
    mean = frames.mean(0).astype(np.float32)
    if len(frames) < 2:
        return mean, None
    variance = frames.var(0, ddof=1)
    if len(frames) < FRAMES_PER_PIXEL:
        variance = np.full_like(variance, variance.mean())
    return mean, np.sqrt(np.maximum(variance - QUANTISED, 0)).astype(np.float32)
