"""Columns of data: features, labels of classes, real values."""

from __future__ import annotations

import numpy as np

from pib_rl.cli.cli import UserError

LARGEST_WHOLE = 2**53  # up to there 64-bit floats hold every whole number


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
        if (abs(labels) <= LARGEST_WHOLE).all():
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
