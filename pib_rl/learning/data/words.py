"""Cells of a table: numbers, missing values, and labels as they are written."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal, InvalidOperation

import numpy as np

from pib_rl.cli.cli import note
from pib_rl.learning.data.columns import classes

MISSING = ("", "?", "na", "n/a", "nan", "null", "none", "nil", "missing", "-", ".")  # in small letters


def is_number(text: str) -> bool:
    """Whether a cell is a number, as Python reads it."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def read_labels(texts: list[str], what: str) -> np.ndarray:
    """Labels of classes, as they are written: 0123 and 123 are two classes, and so are 2^53 and 2^53 + 1.

    Whole numbers in plain form become numbers; everything else stays text. Notes labels that look like missing values,
    and such as differ only in how a number is written.

    Args:
        texts: A label per sample.
        what: What they are, for messages.

    Raises:
        UserError: If all are numbers, and some of them no whole ones.
    """
    distinct = sorted(set(texts))
    if all(map(is_number, distinct)):
        classes(np.array(distinct, dtype=float), what)
    for label in distinct:
        if label.lower() in MISSING and label.isalnum():
            note(
                f"{what} has the label {label!r} {texts.count(label)} times, a class like any other; if it means that "
                "the label is missing, leave those lines out"
            )
    alike = defaultdict(list)
    for label in distinct:
        alike[_size(label)].append(label)
    for size, group in alike.items():
        if size is not None and len(group) > 1:
            note(f"{what} has {' and '.join(group)}, one number written in several ways; they are classes of their own")
    if all(_plain(label) for label in distinct):
        return np.array([int(label) for label in texts], dtype=np.int64)
    return np.array(texts)


def _size(label: str) -> Decimal | None:
    """The exact number that a label is; None if it is none."""
    try:
        number = Decimal(label)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _plain(label: str) -> bool:
    """Whether a label is a whole number of 64 bits without signs, zeros or points that could be written otherwise."""
    return label.lstrip("-").isdecimal() and str(int(label)) == label and abs(int(label)) < 2**63
