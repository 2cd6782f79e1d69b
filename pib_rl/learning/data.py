"""Labelled data: bundled digits, OpenML by name, .npz and .csv files."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from zipfile import BadZipFile

import numpy as np
from sklearn.datasets import fetch_openml, load_digits
from sklearn.model_selection import train_test_split

from pib_rl.cli import UserError
from pib_rl.physical.options import nearest

OPENML = {"mnist": "mnist_784", "fashion-mnist": "Fashion-MNIST"}  # our words: OpenML's
TEST_SHARE, MNIST_TEST = 0.2, 10_000
SPLIT_SEED = 0  # which samples are for testing is a property of the data, not of a run
KEYS = ("x_train", "y_train", "x_test", "y_test")


@dataclass(frozen=True)
class Data:
    """Samples for training and for testing.

    Args:
        x_train: Shape (n, features), any unit.
        y_train: Labels, shape (n,).
        x_test: Shape (m, features).
        y_test: Labels, shape (m,).
        image: Height and width if the features are the pixels of an image, row by row.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    image: tuple[int, int] | None = None


def load(name: str) -> Data:
    """Data by name or path.

    Args:
        name: "digits" (bundled with scikit-learn), "mnist", "fashion-mnist" or another name of OpenML, or the
            path of an .npz or .csv file.

    Raises:
        UserError: If there is no such thing, or it does not hold labelled samples.
    """
    if name == "digits":
        bundle = load_digits()
        return split(bundle.data, bundle.target, (8, 8))
    path = Path(name)
    reader: Callable[[Path], Data] | None = {".npz": read_npz, ".csv": read_csv}.get(path.suffix.lower())
    if reader is not None:
        if not path.is_file():
            raise UserError(f"there is no file {path}")
        return reader(path)
    if path.exists():
        raise UserError(f"{path} is neither .npz nor .csv; save arrays {', '.join(KEYS)} with numpy.savez")
    return fetch(name)


def split(x: np.ndarray, y: np.ndarray, image: tuple[int, int] | None = None) -> Data:
    """Holds out a fifth of the samples for testing, the same share of every class.

    Raises:
        UserError: If there are too few samples for that.
    """
    try:
        parts = train_test_split(x, y, test_size=TEST_SHARE, random_state=SPLIT_SEED, stratify=y)
    except ValueError as error:
        raise UserError(f"the samples can't be split into training and test: {error}") from None
    x_train, x_test, y_train, y_test = parts
    return Data(x_train, y_train, x_test, y_test, image)


def fetch(name: str) -> Data:
    """Data of OpenML by name, from scikit-learn's cache or from the network.

    Raises:
        UserError: If OpenML does not know it, or can't be reached.
    """
    wanted = OPENML.get(name, name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns before it tries again, and raises in the end
            bundle = fetch_openml(wanted, version=1, as_frame=False, parser="liac-arff")
        x = np.asarray(bundle.data, dtype=np.float32)
    except (URLError, OSError) as error:
        raise UserError(f"{name!r} is not in scikit-learn's cache and OpenML can't be reached ({error}); connect once, "
                        f"or give the path of an .npz or .csv file; {nearest(name, ['digits', *OPENML])}") from None
    except ValueError as error:
        raise UserError(f"OpenML offers no numeric data named {name!r} ({error}); known here without network: digits; "
                        "otherwise give the path of an .npz or .csv file") from None
    y = np.asarray(bundle.target)
    if wanted in OPENML.values():
        return Data(x[:-MNIST_TEST], y[:-MNIST_TEST], x[-MNIST_TEST:], y[-MNIST_TEST:], (28, 28))
    return split(x, y)


def read_npz(path: Path) -> Data:
    """Arrays x_train, y_train, x_test, y_test; images (n, height, width) or vectors (n, features).

    Raises:
        UserError: If one is missing or does not fit the others.
    """
    try:
        with np.load(path) as file:
            missing = [key for key in KEYS if key not in file]
            if missing:
                raise UserError(f"{path} lacks {', '.join(missing)}; it holds {', '.join(file) or 'nothing'}")
            arrays: dict[str, Any] = {key: file[key] for key in KEYS}
    except (OSError, ValueError, BadZipFile, EOFError) as error:
        raise UserError(f"{path} can't be read as .npz: {error}") from None
    shape = arrays["x_train"].shape
    if len(shape) not in (2, 3) or arrays["x_test"].shape[1:] != shape[1:]:
        raise UserError(f"{path}: x_train and x_test must be (n, features) or (n, height, width) with the same "
                        f"features, got {shape} and {arrays['x_test'].shape}")
    for part in ("train", "test"):
        x, y = arrays[f"x_{part}"], arrays[f"y_{part}"]
        if y.shape != (len(x),) or not len(y):
            raise UserError(f"{path}: y_{part} must hold a label per sample, shape ({len(x)},), got {y.shape}")
        if not np.issubdtype(x.dtype, np.number):
            raise UserError(f"{path}: x_{part} must hold numbers, got {x.dtype}")
        arrays[f"x_{part}"] = x.reshape(len(x), -1).astype(np.float32)
    unknown = np.setdiff1d(arrays["y_test"], arrays["y_train"])
    if len(unknown):
        raise UserError(f"{path}: y_test holds the label {unknown[0]}, which y_train lacks")
    return Data(**arrays, image=(shape[1], shape[2]) if len(shape) == 3 else None)


def read_csv(path: Path) -> Data:
    """Comma-separated numbers, the label in the last column; a first line without numbers counts as names.

    Raises:
        UserError: If a line has another number of columns, or a feature is no number.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} can't be read as .csv: {error}") from None
    if rows and not any(_is_number(cell) for cell in rows[0][:-1]):
        rows = rows[1:]
    if not rows or len(rows[0]) < 2:
        raise UserError(f"{path} must hold lines of features and a label, separated by commas")
    for number, row in enumerate(rows, 1):
        if len(row) != len(rows[0]):
            raise UserError(f"{path}: sample {number} has {len(row)} columns, the first one has {len(rows[0])}")
    try:
        x = np.array([row[:-1] for row in rows], dtype=np.float32)
    except ValueError as error:
        raise UserError(f"{path}: features must be numbers ({error})") from None
    return split(x, np.array([row[-1].strip() for row in rows]))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
