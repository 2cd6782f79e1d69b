"""Arguments of estimators: each is checked before anything is measured, and the message says what is expected."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
import torch

from pib_rl.agents.estimators.settings import find_data_learner
from pib_rl.common.finite import check_arrays
from pib_rl.common.options import mapping, shown, whole
from pib_rl.physical.faults import check_clock
from pib_rl.physical.substrate import Read


def check_arguments(model: Any, patches: bool) -> None:
    """Raises ValueError if an argument of an estimator has the wrong type, or a value that nothing else checks.

    Args:
        model: The estimator.
        patches: Whether it has patch units.
    """
    if model.batch_size is not None:
        whole("batch_size", model.batch_size, 4)
    if model.epochs is not None:
        whole("epochs", model.epochs, 1)
    for name in ("learner", "device"):
        if not isinstance(getattr(model, name), str):
            raise ValueError(f"{name} must be a name, got {getattr(model, name)!r}")
    mapping("rule", model.rule)
    for name, known in (("scaling", ("feature", "common")), ("read", tuple(read.value for read in Read))):
        if getattr(model, name) not in known:
            raise ValueError(f"{name} must be {' or '.join(known)}, got {getattr(model, name)!r}")
    if not _is_number(model.clock):
        raise ValueError(f"clock must be a number of seconds, got {model.clock!r}")
    check_clock(float(model.clock))
    if isinstance(model.faults, str) or not (
        isinstance(model.faults, Sequence) and all(isinstance(fault, str) for fault in model.faults)
    ):
        raise ValueError(f"faults must be a list of KIND:SIZE@EPOCH, got {model.faults!r}")
    _check_stopping(model)
    _check_device(model.device)
    if find_data_learner(model.learner).target_inputs and patches:
        raise ValueError(
            f"learner {model.learner!r} needs inputs for labels besides the image, which patches do not see; "
            "leave out patches, or choose another learner"
        )


def precisions(values: object) -> list[type[np.floating[Any]]]:
    """Types that data may keep, the first one for all others: 32 bits where these hold them exactly, else 64."""
    short = isinstance(values, np.ndarray) and np.can_cast(values.dtype, np.float32)
    return [np.float32, np.float64] if short else [np.float64, np.float32]


def as_samples(values: np.ndarray) -> np.ndarray:
    """Samples in the order of memory that torch takes; ValueError if a number is not finite."""
    check_arrays(values, "sample")
    return np.ascontiguousarray(values)


def _check_stopping(model: Any) -> None:
    whole("n_iter_no_change", model.n_iter_no_change, 1)
    if not isinstance(model.early_stopping, bool):
        raise ValueError(f"early_stopping must be True or False, got {shown(model.early_stopping)}")
    fraction = model.validation_fraction
    if not _is_number(fraction) or not 0 < fraction < 1:
        raise ValueError(f"validation_fraction must be a number above 0 and below 1, got {shown(fraction)}")
    if model.early_stopping and len(model.faults):
        raise ValueError(
            "faults break the chip after so many epochs, and with early_stopping nobody knows how many there will be; "
            "set early_stopping=False, or leave out faults"
        )


def _check_device(device: str) -> None:
    try:
        torch.zeros(1, device=device, dtype=torch.float32)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"device must be one that torch has here, such as cpu, got {device!r} ({reason})") from None


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
