"""Whether a state that was read fits a module: names, types, shapes, and numbers that the module can have.

A module says what its buffers can hold by a class attribute ``VALID``: smallest and largest value by name. Whatever
it says, numbers are finite and no larger than `MOST`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

Valid = Mapping[str, tuple[float, float]]
POSITIVE, NOT_NEGATIVE, FRACTION = (math.nextafter(0, 1), math.inf), (0.0, math.inf), (0.0, 1.0)
MOST = {torch.float32: 1e30, torch.float64: 1e300}  # beyond them a square, or a mean of a few, may be infinite


def check_state(module: nn.Module, state: Mapping[str, object]) -> None:
    """Checks a state before it is loaded.

    Args:
        module: What it is for.
        state: Tensors by name, some of the module's own or all; `load_state_dict` tells of missing and further ones.

    Raises:
        ValueError: If a type, a shape or a number is none that the module can have. The message is one line that begins
            with the name.
    """
    ranges = dict(_ranges(module))
    for name, own in module.state_dict().items():
        if name in state:
            check_tensor(name, state[name], own, ranges.get(name, (-math.inf, math.inf)))


def check_tensor(name: str, value: object, own: Tensor, valid: tuple[float, float] = (-math.inf, math.inf)) -> None:
    """Raises ValueError unless ``value`` is a tensor of the type and shape of ``own`` with numbers in ``valid``."""
    if not isinstance(value, Tensor):
        raise ValueError(f"{name} must be a tensor, got {type(value).__name__}")
    if (value.dtype, value.shape) != (own.dtype, own.shape):
        raise ValueError(f"{name} must be {_kind(own)}, got {_kind(value)}")
    if not value.is_floating_point() or not value.numel():
        return
    most = MOST.get(value.dtype, math.inf)
    least, most = max(valid[0], -most), min(valid[1], most)
    low, high = value.min().item(), value.max().item()
    if not (least <= low and high <= most):  # NaN, too
        worst = low if not low >= least else high
        raise ValueError(f"{name} must be {_words(least, most)}, got {worst:g}")


def _ranges(module: nn.Module) -> Iterator[tuple[str, tuple[float, float]]]:
    for prefix, part in module.named_modules(remove_duplicate=False):
        for kind in reversed(type(part).__mro__):
            valid: Valid = vars(kind).get("VALID", {})
            for name, limits in valid.items():
                yield f"{prefix}.{name}" if prefix else name, limits


def _kind(value: Tensor) -> str:
    return f"{str(value.dtype).removeprefix('torch.')} of shape {tuple(value.shape)}"


def _words(least: float, most: float) -> str:
    if least == POSITIVE[0]:
        return f"greater than 0 and at most {most:g}"
    return f"in {least:g}..{most:g}"
