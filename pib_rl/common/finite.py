"""Numbers that are none: found where they come in, before anything learns from them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

MOST_SEEN = 1e30  # of observations, rewards and samples: sums and means of them, and squares in 64 bits, stay finite


class Origin(NamedTuple):
    """Where a batch of numbers came from: row i from environment env + i, at this step of the training."""

    step: int
    env: int = 0


def check_finite(values: Tensor, what: str = "observation", origin: Origin | None = None) -> None:
    """Raises ValueError unless all values are finite numbers of at most `MOST_SEEN` in size; whole numbers always are.

    Args:
        values: One row per environment or sample, shape (n, ...).
        what: What a row is, for the message.
        origin: Which environments they came from, and when; None where they came from elsewhere.
    """
    if not values.is_floating_point() or not values.numel() or float(values.abs().max()) <= MOST_SEEN:
        return
    row, *place = (~(values.abs() <= MOST_SEEN)).nonzero()[0].tolist()
    found = values[(row, *place)].item()
    at = f" at place {', '.join(map(str, place))} (from 0)" if place else ""
    where = f"{what} {row}"
    if origin is not None:
        where = f"the {what} of environment {origin.env + row} at step {origin.step}"
    raise ValueError(
        f"{where} is {found:g}{at}; {what}s must be finite numbers of at most {MOST_SEEN:g} in size; "
        "mend what gives them"
    )


def check_arrays(values: Any, what: str = "observation", origin: Origin | None = None) -> None:
    """`check_finite` of an array, or of every array of a dict, whose name the message has."""
    parts = {f"{name!r} {what}": part for name, part in values.items()} if isinstance(values, dict) else {what: values}
    for name, part in parts.items():
        found = np.asarray(part)
        if found.dtype.kind == "f" and found.size and not np.abs(found).max() <= MOST_SEEN:
            check_finite(torch.tensor(np.ascontiguousarray(found)), name, origin)
