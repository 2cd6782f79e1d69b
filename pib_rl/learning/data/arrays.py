"""Data of an .npz file."""

from __future__ import annotations

import zlib
from pathlib import Path
from tokenize import TokenError
from typing import Any
from zipfile import BadZipFile, is_zipfile

import numpy as np
import psutil

from pib_rl.cli.cli import UserError, note
from pib_rl.learning.data.columns import classes, numbers, values
from pib_rl.learning.data.samples import Data, unlabelled

KEYS, NEXT = ("x_train", "y_train", "x_test", "y_test"), "x_next"
CHANNELS = "channels"  # says whether images have them first or last
UNREADABLE = (
    OSError,
    ValueError,
    BadZipFile,
    EOFError,
    TypeError,
    NotImplementedError,
    RuntimeError,
    zlib.error,
    TokenError,
    SyntaxError,
)


def read_npz(path: Path, real: bool = False) -> Data:
    """Arrays x_train, y_train, x_test, y_test; vectors (n, features) or images (n, height, width[, channels]).

    Without labels x_train alone will do. x_next may hold what each training sample looked like a moment later. Images
    may have their channels first: then the last two sizes are those of the image, and a note says so. A text
    ``channels``, "first" or "last", in the file says it where sizes do not.

    Raises:
        UserError: If one is missing or does not fit the others.
    """
    arrays = _arrays(path)
    first = _channels_first(arrays, path)
    shape = arrays["x_train"].shape
    arrays.setdefault("x_test", np.empty((0, *shape[1:])))
    if len(shape) not in (2, 3, 4) or arrays["x_test"].shape[1:] != shape[1:]:
        raise UserError(
            f"{path}: x_train and x_test must be (n, features), (n, height, width) or (n, height, width, "
            f"channels) with the same features, got {shape} and {arrays['x_test'].shape}"
        )
    if NEXT in arrays and arrays[NEXT].shape != shape:
        raise UserError(f"{path}: x_next must have the shape of x_train, {shape}, got {arrays[NEXT].shape}")
    if first:
        for name in {"x_train", "x_test", NEXT} & arrays.keys():
            arrays[name] = arrays[name].transpose(0, 2, 3, 1)
        shape = arrays["x_train"].shape
    image = shape[1:] if len(shape) > 2 else None
    if NEXT in arrays:
        arrays[NEXT] = numbers(arrays[NEXT], f"{path}: x_next")
    if "y_train" not in arrays:
        if not shape[0]:
            raise UserError(f"{path}: x_train holds no samples")
        x_test = numbers(arrays["x_test"], f"{path}: x_test") if len(arrays["x_test"]) else None
        return unlabelled(numbers(arrays["x_train"], f"{path}: x_train"), x_test, x_next=arrays.get(NEXT), image=image)
    for part in ("train", "test"):
        _check_labels(arrays[f"x_{part}"], arrays[f"y_{part}"], part, path, real)
        arrays[f"x_{part}"] = numbers(arrays[f"x_{part}"], f"{path}: x_{part}")
        arrays[f"y_{part}"] = (values if real else classes)(arrays[f"y_{part}"], f"{path}: y_{part}")
    if real and arrays["y_test"].shape[1:] != arrays["y_train"].shape[1:]:
        raise UserError(
            f"{path}: y_train and y_test must hold as many values of each sample, got "
            f"{arrays['y_train'].shape} and {arrays['y_test'].shape}"
        )
    unknown = np.setdiff1d(arrays["y_test"], arrays["y_train"])
    if len(unknown) and not real:
        raise UserError(f"{path}: y_test holds the label {unknown[0]}, which y_train lacks")
    return Data(**arrays, image=image)


def _arrays(path: Path) -> dict[str, Any]:
    """What the file holds of `KEYS`, `NEXT` and `CHANNELS`."""
    try:
        file = np.load(path)
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise UserError(f"{path} holds one array only, not the arrays {', '.join(KEYS)} of numpy.savez")
        with file:
            _check_size(file, path)
            wanted = KEYS if "y_train" in file or "y_test" in file else KEYS[:1]
            missing = [key for key in wanted if key not in file]
            if missing:
                raise UserError(f"{path} lacks {', '.join(missing)}; it holds {', '.join(file) or 'nothing'}")
            found = {key: file[key] for key in (*KEYS, NEXT, CHANNELS) if key in file}
            for key, array in found.items():
                if not isinstance(array, np.ndarray):  # bytes, where that part of the file is no array
                    raise UserError(f"{path}: {key} is no array; save arrays {', '.join(KEYS)} with numpy.savez")
            return found
    except UNREADABLE as error:
        objects = "allow_pickle" in str(error)
        why = (
            "it holds Python objects, not plain arrays"
            if objects and is_zipfile(path)
            else "it is not what numpy.savez writes"
            if objects
            else error
        )
        raise UserError(
            f"{path} can't be read as .npz: {why}; save arrays {', '.join(KEYS)} with numpy.savez"
        ) from None


def _check_size(file: Any, path: Path) -> None:
    """Raises UserError if a file unfolds to more than there is memory; a small one may."""
    size, free = sum(entry.file_size for entry in file.zip.infolist()), psutil.virtual_memory().available
    if size > free:
        raise UserError(f"{path} holds arrays of {size:.3g} bytes, and {free:.3g} bytes of memory are free")


def _channels_first(arrays: dict[str, Any], path: Path) -> bool:
    """Whether images have their channels first: by what the file says, or by their sizes; takes what it says out."""
    said, shape = arrays.pop(CHANNELS, None), arrays["x_train"].shape[1:]
    if said is not None:
        if str(said) not in ("first", "last"):
            raise UserError(f"{path}: channels must be first or last, got {str(said)[:40]!r}")
        return str(said) == "first" and len(shape) == 3
    if len(shape) != 3 or not channels_first(shape):
        return False
    note(
        f"{path}: images of {shape[0]} channels first, then {shape[1]} x {shape[2]} pixels, by their sizes; if that is "
        'wrong, save channels="last" beside x_train'
    )
    return True


def channels_first(shape: tuple[int, ...]) -> bool:
    """Whether the first axis of images of this shape holds channels.

    It does where the other two are alike and it is smaller; where no two are alike, if it has at most 4.
    """
    first, middle, last = shape
    return first < middle == last or (first <= 4 < min(middle, last) and first != last)


def _check_labels(x: np.ndarray, y: np.ndarray, part: str, path: Path, real: bool) -> None:
    """Raises UserError unless there are samples, and a label for each."""
    if not len(x):
        raise UserError(f"{path}: x_{part} holds no samples")
    if y.shape[:1] != (len(x),) or y.ndim > (2 if real else 1) or not y.size:
        what = (
            f"values of each sample, shape ({len(x)},) or ({len(x)}, k)"
            if real
            else f"a label per sample, shape ({len(x)},)"
        )
        raise UserError(f"{path}: y_{part} must hold {what}, got {y.shape}")
