"""Weights of samples: learning draws each sample as often as it counts.

Units and readout learn from what the hardware measures, and a measurement has no weight. So an epoch of n samples draws
sample i about n w_i / sum_j w_j times in place of once: as often as in a pass over data in which every sample is
repeated w_i times. Losses and Gram matrices of batches are then those of the repeated data, whatever the objective and
the learner, and every measurement is paid for. Means and standard deviations of inputs and values are weighted exactly.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.utils.validation import _check_sample_weight
from torch import Tensor


def checked_weights(sample_weight: Any, x: np.ndarray) -> np.ndarray | None:
    """Weights as numbers, shape (n,); None where none are given.

    Args:
        sample_weight: What was given: a number for each sample of ``x``, 0 or more.
        x: Samples, shape (n, ...).

    Raises:
        ValueError: If they are of another shape, negative, no finite numbers, or all 0.
    """
    if sample_weight is None:
        return None
    try:
        weight = np.asarray(sample_weight, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(
            f"sample_weight must be a number for each of {len(x)} samples, got {type(sample_weight).__name__}"
        ) from None
    if weight.shape != (len(x),):
        raise ValueError(f"sample_weight must be of shape ({len(x)},), a number for each sample, got {weight.shape}")
    if (weight < 0).any():
        raise ValueError(f"sample_weight must be 0 or more, got {weight.min():g}; leave out what should not count")
    if not weight.any():
        raise ValueError("sample_weight must be above 0 for some samples, got zero for all")
    _check_sample_weight(weight, x, dtype=np.float64)  # that they are finite
    return np.asarray(weight / weight.max())  # sums stay finite


def draw(weight: Tensor, start: float) -> Tensor:
    """Indices of as many samples as there are, in rising order: sample i stands there about n w_i / sum_j w_j times.

    That is n w_i / sum_j w_j rounded up or down (systematic sampling): draw k takes the sample in whose part of the
    summed weights (k + start) sum_j w_j / n lies. With equal weights every sample is drawn once.

    Args:
        weight: Weights above 0, shape (n,), in 64 bits.
        start: Where the first draw lies, 0..1 (1 excluded); drawn at random, the mean of the counts is exact.
    """
    total = weight.cumsum(0)
    at = (torch.arange(len(weight), device=weight.device) + start) * (total[-1] / len(weight))
    return torch.searchsorted(total, at, right=True).clamp_(max=len(weight) - 1)
