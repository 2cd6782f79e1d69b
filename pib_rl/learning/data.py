"""Data, labelled or not: bundled digits, OpenML by name, .npz and .csv files."""

from __future__ import annotations

import csv
import math
import re
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, is_zipfile

import numpy as np
from sklearn.datasets import fetch_openml, load_digits
from sklearn.model_selection import train_test_split

from pib_rl.cli.cli import UserError
from pib_rl.common.options import nearest

OPENML = {"mnist": "mnist_784", "fashion-mnist": "Fashion-MNIST"}  # our words: OpenML's
TEST_SHARE, MNIST_TEST = 0.2, 10_000
FEWEST = 10  # samples with real values, of which a fifth is for testing
SPLIT_SEED = 0  # which samples are for testing is a property of the data, not of a run
KEYS, NEXT = ("x_train", "y_train", "x_test", "y_test"), "x_next"


@dataclass(frozen=True)
class Data:
    """Samples for training and for testing.

    Args:
        x_train: Shape (n, features), any unit.
        y_train: Labels, shape (n,); None if there are none.
        x_test: Shape (m, features); m may be 0 where there are no labels.
        y_test: Labels, shape (m,); None if there are none.
        x_next: What each training sample looked like a moment later, shape (n, features), if that was logged.
        image: Height and width (and channels, if there are several) where the features are the pixels of an image, row
            by row.
    """

    x_train: np.ndarray
    y_train: np.ndarray | None
    x_test: np.ndarray
    y_test: np.ndarray | None
    x_next: np.ndarray | None = None
    image: tuple[int, ...] | None = None


def load(name: str, real: bool = False) -> Data:
    """Data by name or path.

    Args:
        name: "digits" (bundled with scikit-learn), "mnist", "fashion-mnist" or another name of OpenML, or the
            path of an .npz or .csv file.
        real: What is known of samples are real values, not classes.

    Raises:
        UserError: If there is no such thing, or it does not hold samples.
    """
    if name == "digits":
        bundle = load_digits()
        return split(bundle.data, (values if real else classes)(bundle.target, name), (8, 8), real=real)
    path = Path(name)
    reader: Callable[[Path, bool], Data] | None = {".npz": read_npz, ".csv": read_csv}.get(path.suffix.lower())
    try:
        is_file, exists = path.is_file(), path.exists()
    except OSError as error:
        raise UserError(f"cannot read {name}: {error.strerror or error}") from None
    if reader is not None:
        if not is_file:
            raise UserError(f"there is no file {path}")
        return reader(path, real)
    if exists:
        raise UserError(f"{path} is neither .npz nor .csv; save arrays {', '.join(KEYS)} with numpy.savez")
    if not re.fullmatch(r"[\w.()+-]+", name):
        raise UserError(
            f"{name!r} is neither a file nor a name of OpenML; give the path of an .npz or .csv file, or digits"
        )
    return fetch(name, real)


def numbers(values: np.ndarray, what: str) -> np.ndarray:
    """Features as numbers of 32 bits where these hold them exactly, else of 64.

    Args:
        values: Shape (n, ...), of any type.
        what: What they are, for messages.

    Raises:
        UserError: If they are no real numbers, or one is missing or too large.
    """
    if not np.issubdtype(values.dtype, np.number) or np.iscomplexobj(values):
        raise UserError(f"{what} must hold real numbers, got {values.dtype}")
    with np.errstate(over="ignore"):
        short: np.ndarray = values.reshape(len(values), -1).astype(np.float32)
    wrong = np.argwhere(~np.isfinite(short))
    if len(wrong):
        row, column = wrong[0]
        found = values.reshape(len(values), -1)[row, column]
        raise UserError(
            f"{what} must hold finite numbers of 32 bits: sample {row + 1}, feature {column + 1} is {found}"
            f"{' (NaN: fill in what is missing)' if np.isnan(found) else ''}"
        )
    exact: np.ndarray = values.reshape(short.shape).astype(np.float64)
    return short if (short == exact).all() else exact


def classes(labels: np.ndarray, what: str) -> np.ndarray:
    """Labels of classes: whole numbers or words.

    Raises:
        UserError: If one is missing, or they are real values.
    """
    if labels.dtype.kind == "c":
        raise UserError(f"{what} must hold classes, whole numbers or words, got {labels.dtype}")
    if labels.dtype.kind == "f":
        if not np.isfinite(labels).all() or (labels != np.rint(labels)).any():
            found = labels[~np.isfinite(labels) | (labels != np.rint(labels))][0]
            raise UserError(
                f"{what} must hold classes, whole numbers or words, but has the real value {found}; for "
                "real values choose --target values, for data without labels give x_train alone (.npz)"
            )
        labels = labels.astype(np.int64)
    if labels.dtype.kind == "O" and any(label is None for label in labels):
        raise UserError(f"{what} lacks the label of sample {[label is None for label in labels].index(True) + 1}")
    return labels


def values(targets: np.ndarray, what: str) -> np.ndarray:
    """Real values, shape (n,) or (n, k), as `numbers`.

    Raises:
        UserError: If one is no number, missing or too large.
    """
    if targets.dtype.kind in "OUS":
        try:
            targets = targets.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise UserError(f"{what} must hold real values: {error}; for classes choose --target labels") from None
    found = numbers(targets, what)
    return found[:, 0] if found.shape[1] == 1 else found


def split(x: np.ndarray, y: np.ndarray, image: tuple[int, ...] | None = None, *, real: bool = False) -> Data:
    """Holds out a fifth of the samples for testing, the same share of every class unless ``y`` are real values.

    Raises:
        UserError: If there are too few samples for that.
    """
    if real:
        if len(y) < FEWEST:
            raise UserError(
                f"a fifth can't be held out for testing: {len(y)} samples are too few; give {FEWEST} or more"
            )
        x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=TEST_SHARE, random_state=SPLIT_SEED)
        return Data(x_train, y_train, x_test, y_test, image=image)
    names, counts = np.unique(y, return_counts=True)
    lone, held = names[counts < 2], math.ceil(TEST_SHARE * len(y))
    if len(lone) or held < len(names):
        why = (
            f"class {lone[0]} has one sample only"
            if len(lone)
            else f"{len(y)} samples of {len(names)} classes are too few"
        )
        raise UserError(
            f"a fifth of each class can't be held out for testing: {why}; give more samples, and labels "
            "that are classes, or an .npz with its own test samples"
        )
    parts = train_test_split(x, y, test_size=TEST_SHARE, random_state=SPLIT_SEED, stratify=y)
    x_train, x_test, y_train, y_test = parts
    return Data(x_train, y_train, x_test, y_test, image=image)


def unlabelled(x: np.ndarray, x_test: np.ndarray | None = None, **others: Any) -> Data:
    """Samples without labels."""
    return Data(x, None, x[:0] if x_test is None else x_test, None, **others)


def fetch(name: str, real: bool = False) -> Data:
    """Data of OpenML by name, from scikit-learn's cache or from the network.

    Raises:
        UserError: If OpenML does not know it, or can't be reached.
    """
    wanted = OPENML.get(name, name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns before it tries again, and raises in the end
            bundle = fetch_openml(wanted, version=1, as_frame=False, parser="liac-arff")
    except (OSError, HTTPException) as error:
        raise UserError(
            f"{name!r} is not in scikit-learn's cache and OpenML can't be reached ({error}); connect once, "
            f"or give the path of an .npz or .csv file; {nearest(name, ['digits', *OPENML])}"
        ) from None
    except ValueError as error:
        raise UserError(
            f"OpenML offers no numeric data named {name!r} ({error}); known here without network: digits; "
            "otherwise give the path of an .npz or .csv file"
        ) from None
    x = numbers(np.asarray(bundle.data), f"OpenML's {name!r}")
    if bundle.target is None:
        return unlabelled(x)
    y = (values if real else classes)(np.asarray(bundle.target), f"OpenML's {name!r}")
    if wanted in OPENML.values():
        return Data(x[:-MNIST_TEST], y[:-MNIST_TEST], x[-MNIST_TEST:], y[-MNIST_TEST:], image=(28, 28))
    return split(x, y, real=real)


def read_npz(path: Path, real: bool = False) -> Data:
    """Arrays x_train, y_train, x_test, y_test; vectors (n, features) or images (n, height, width[, channels]).

    Without labels x_train alone will do. x_next may hold what each training sample looked like a moment later.

    Raises:
        UserError: If one is missing or does not fit the others.
    """
    try:
        file = np.load(path)
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise UserError(f"{path} holds one array only, not the arrays {', '.join(KEYS)} of numpy.savez")
        with file:
            wanted = KEYS if "y_train" in file or "y_test" in file else KEYS[:1]
            missing = [key for key in wanted if key not in file]
            if missing:
                raise UserError(f"{path} lacks {', '.join(missing)}; it holds {', '.join(file) or 'nothing'}")
            arrays: dict[str, Any] = {key: file[key] for key in (*KEYS, NEXT) if key in file}
    except (
        OSError,
        ValueError,
        BadZipFile,
        EOFError,
        TypeError,
        NotImplementedError,
        RuntimeError,
        zlib.error,
    ) as error:
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
    shape = arrays["x_train"].shape
    arrays.setdefault("x_test", np.empty((0, *shape[1:])))
    if len(shape) not in (2, 3, 4) or arrays["x_test"].shape[1:] != shape[1:]:
        raise UserError(
            f"{path}: x_train and x_test must be (n, features), (n, height, width) or (n, height, width, "
            f"channels) with the same features, got {shape} and {arrays['x_test'].shape}"
        )
    image = shape[1:] if len(shape) > 2 else None
    if NEXT in arrays:
        if arrays[NEXT].shape != shape:
            raise UserError(f"{path}: x_next must have the shape of x_train, {shape}, got {arrays[NEXT].shape}")
        arrays[NEXT] = numbers(arrays[NEXT], f"{path}: x_next")
    if "y_train" not in arrays:
        if not shape[0]:
            raise UserError(f"{path}: x_train holds no samples")
        x_test = numbers(arrays["x_test"], f"{path}: x_test") if len(arrays["x_test"]) else None
        return unlabelled(numbers(arrays["x_train"], f"{path}: x_train"), x_test, x_next=arrays.get(NEXT), image=image)
    for part in ("train", "test"):
        x, y = arrays[f"x_{part}"], arrays[f"y_{part}"]
        if not len(x):
            raise UserError(f"{path}: x_{part} holds no samples")
        if y.shape[:1] != (len(x),) or y.ndim > (2 if real else 1) or not y.size:
            what = (
                f"values of each sample, shape ({len(x)},) or ({len(x)}, k)"
                if real
                else (f"a label per sample, shape ({len(x)},)")
            )
            raise UserError(f"{path}: y_{part} must hold {what}, got {y.shape}")
        arrays[f"x_{part}"] = numbers(x, f"{path}: x_{part}")
        arrays[f"y_{part}"] = (values if real else classes)(y, f"{path}: y_{part}")
    if real and arrays["y_test"].shape[1:] != arrays["y_train"].shape[1:]:
        raise UserError(
            f"{path}: y_train and y_test must hold as many values of each sample, got "
            f"{arrays['y_train'].shape} and {arrays['y_test'].shape}"
        )
    unknown = np.setdiff1d(arrays["y_test"], arrays["y_train"])
    if len(unknown) and not real:
        raise UserError(f"{path}: y_test holds the label {unknown[0]}, which y_train lacks")
    return Data(**arrays, image=image)


def read_csv(path: Path, real: bool = False) -> Data:
    """Comma-separated numbers, the label in the last column; a first line without numbers counts as names.

    Raises:
        UserError: If a line has another number of columns, or a feature is no number.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = [(number, row) for number, row in enumerate(csv.reader(file), 1) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} can't be read as .csv: {error}") from None
    if lines and not any(_is_number(cell) for cell in lines[0][1][:-1]):
        lines = lines[1:]
    if not lines or len(lines[0][1]) < 2:
        raise UserError(f"{path} must hold lines of features and a label, separated by commas")
    for number, row in lines:
        if len(row) != len(lines[0][1]):
            raise UserError(f"{path}: line {number} has {len(row)} columns, the first one has {len(lines[0][1])}")
        for column, text in enumerate(row[:-1], 1):
            if not _is_number(text):
                raise UserError(f"{path}: features must be numbers, but line {number}, column {column} is {text!r}")
        if not row[-1].strip():
            raise UserError(f"{path}: line {number} has no label in its last column")
    labels = np.array([row[-1].strip() for _, row in lines])
    samples = numbers(np.array([row[:-1] for _, row in lines], dtype=float), str(path))
    if real:
        return split(samples, values(labels, f"{path}: the last column"), real=True)
    if all(map(_is_number, labels)):
        labels = classes(labels.astype(float), f"{path}: the last column, the label of a .csv,")
    return split(samples, labels)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
