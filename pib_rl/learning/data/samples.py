"""Samples, labelled or not, and how some are held out for testing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split

from pib_rl.cli.cli import UserError

TEST_SHARE = 0.2
FEWEST = 10  # samples with real values, of which a fifth is for testing
SPLIT_SEED = 0  # which samples are for testing is a property of the data, not of a run


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
