"""The file of a user's bench: bench.yaml, and what it names."""

from __future__ import annotations

import warnings
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np

from pib_rl.common.options import admit, nearest, number, read_yaml, shown, whole
from pib_rl.physical.optical.config import OpticalConfig
from pib_rl.physical.optical.measured_arrays import StoredArray, header, read_array
from pib_rl.physical.optical.own_bench import OwnBench
from pib_rl.physical.optical.response import read_response

FILES = ("transmission", "dark", "slm")  # keys that name files
GAINS = {"gain_electrons_per_adu": 1, "gain_adu_per_electron": -1}  # and the power that makes electrons per ADC code
CAMERA = {"full_well_electrons": "full_well_electrons", "read_noise_electrons": "read_noise_electrons"}
NOTES = ("offset_adu", "residual", "points", "saturated_points", "source")  # of a fitted camera, for people
OPTIONS = {name: kind for name, kind in get_type_hints(OpticalConfig).items() if name != "bench"}


def read_bench(path: Path) -> dict[str, Any]:
    """The options of `OpticalConfig` that a bench.yaml and the files that it names stand for.

    Its keys are ``transmission`` (a matrix, .npy or .npz), and as far as they are known ``dark`` (dark frames, .npy or
    .npz), ``slm`` (a table, .csv), ``camera`` (a mapping, or a file with one), and options of `OpticalConfig`. Paths
    are relative to the file.

    Raises:
        ValueError: If a file can't be read, or something in it is wrong. The message names the file.
    """
    content = read_yaml(path)
    known = [*FILES, "camera", *(one.name for one in fields(OpticalConfig) if one.name != "bench")]
    for name in content:
        if name not in known:
            raise ValueError(f"{path} has no key {name!r}; {nearest(name, known)}")
    if content.get("transmission") is None:
        raise ValueError(f"{path} lacks transmission, the file of the measured matrix; add transmission: tm.npy")
    folder = path.resolve().parent
    named = {name: _file(path, folder, name, content[name]) for name in FILES if content.get(name) is not None}
    stored, (pixels, modes), phases = _matrix(named["transmission"])
    dark = _dark(named["dark"], pixels) if "dark" in named else None
    curve = read_response(named["slm"]) if "slm" in named else None
    return _options(path, folder, content, OwnBench(stored, pixels, modes, phases, dark, curve))


def _options(path: Path, folder: Path, content: dict[str, Any], bench: OwnBench) -> dict[str, Any]:
    """All options, checked together."""
    own = {name: value for name, value in content.items() if name in OPTIONS}
    camera = _camera(path, folder, content.get("camera"))
    try:
        if twice := [name for name in camera if name in own]:
            raise ValueError(f"{twice[0]} stands under camera and by itself; leave one of them out")
        options = admit(OPTIONS, own, "bench") | camera | {"bench": bench.plain()}
        OpticalConfig(**options)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return options


def _file(path: Path, folder: Path, name: str, value: object) -> Path:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{path}: {name} must be the name of a file, got {shown(value)}")
    return folder / Path(value).expanduser()


def _matrix(path: Path) -> tuple[StoredArray, tuple[int, int], str]:
    """The matrix's file, its shape, and whether its phases were measured or are to be drawn."""
    shape, _ = header(path)
    if len(shape) != 2 or not all(shape):
        raise ValueError(f"{path} must be a matrix of shape (camera pixels, modulator pixels), got shape {shape}")
    found = read_array(path)
    if not found.any():
        raise ValueError(f"{path}: all numbers are 0; a transmission matrix lets light through")
    phases = "measured" if np.iscomplexobj(found) else "drawn"
    if phases == "drawn":
        if (found < 0).any():
            raise ValueError(
                f"{path} holds real numbers, taken for intensities |t|^2, and the least is {found.min():.3g}; save "
                "the matrix as complex numbers, or its squared size"
            )
        warnings.warn(
            f"{path} holds intensities without phases: each |t| is the root of what was measured, and phases are drawn "
            "from the seed, uniformly and independently",
            UserWarning,
            stacklevel=2,
        )
    return StoredArray.of(path), (shape[0], shape[1]), phases


def _dark(path: Path, pixels: int) -> StoredArray:
    shape, kind = header(path)
    if len(shape) not in (1, 2) or shape[-1] != pixels or not all(shape) or kind.kind == "c":
        raise ValueError(
            f"{path} must hold real numbers of shape ({pixels},) or (frames, {pixels}), a number for each row of the "
            f"matrix, got shape {shape} of type {kind}"
        )
    if (read_array(path) < 0).any():
        raise ValueError(f"{path}: dark frames are ADC codes, 0 or more; give them as the camera does")
    return StoredArray.of(path)


def _camera(path: Path, folder: Path, value: object) -> dict[str, Any]:
    """Options of the camera, from a mapping or from the file that holds it."""
    if value is None:
        return {}
    where = f"{path}: camera"
    if isinstance(value, str):
        where = str(folder / Path(value).expanduser())
        value = read_yaml(Path(where))
    known = [*GAINS, *CAMERA, "bits"]
    if not isinstance(value, dict):
        raise ValueError(f"{where} must be a file, or a mapping with {', '.join(known)}, got {shown(value)}")
    found: dict[str, Any] = {}
    for name, one in value.items():
        if name in NOTES:
            continue
        if name not in known:
            raise ValueError(f"{where} has no {name!r}; {nearest(str(name), known)}")
        plain = one["value"] if isinstance(one, dict) and "value" in one else one
        if name == "bits":
            found["camera_bits"] = whole(f"{where} bits", plain, 2, 24)
        elif name in GAINS:
            if "electrons_per_adu" in found:
                raise ValueError(f"{where} has both {' and '.join(GAINS)}; leave one out")
            found["electrons_per_adu"] = number(f"{where} {name}", plain, 1e-9, 1e9) ** GAINS[name]
        else:
            found[CAMERA[name]] = number(f"{where} {name}", plain, 0)
    return found
