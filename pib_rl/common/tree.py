"""States of all kinds as tensors by name and plain data, for files that hold nothing else."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

KINDS = (np.bool_, np.uint8, np.int64, np.float32, np.float64)  # of arrays that are kept as they are
MARK = "$"  # names that begin with it say what stands there
WORD = 2**63  # whole numbers from here on are written as text


class Flat(NamedTuple):
    """A state in two parts.

    Args:
        tensors: By name.
        plain: What JSON holds, with the names of tensors where these stood.
    """

    tensors: dict[str, Tensor]
    plain: Any


def flatten_state(state: Any) -> Flat:
    """Takes a state apart; `join_state` puts it together again, bit for bit.

    Args:
        state: Numbers of Python and NumPy, texts, None, tensors and arrays, and lists, tuples and mappings of these
            with texts as names. Tensors are not copied.

    Raises:
        TypeError: If there is something else in it; the message says where.
    """
    tensors: dict[str, Tensor] = {}
    return Flat(tensors, _taken_apart(state, "", tensors))


def _taken_apart(value: Any, place: str, tensors: dict[str, Tensor]) -> Any:
    if value is None or isinstance(value, (bool, str)) or type(value) is float:
        return value
    if type(value) is int:
        return value if -WORD <= value < WORD else {"$int": str(value)}
    if isinstance(value, Tensor):
        return {"$tensor": _put(value.detach(), place, tensors)}
    if isinstance(value, np.ndarray):
        return _array(value, place, tensors)
    if isinstance(value, np.generic):
        return {"$number": value.item(), "type": value.dtype.str}
    if isinstance(value, (list, tuple)):
        parts = [_taken_apart(part, f"{place}/{index}", tensors) for index, part in enumerate(value)]
        return parts if isinstance(value, list) else {"$tuple": parts}
    if isinstance(value, dict) and all(isinstance(name, str) and not name.startswith(MARK) for name in value):
        return {name: _taken_apart(part, f"{place}/{name}", tensors) for name, part in value.items()}
    raise TypeError(f"a state can't hold {type(value).__name__} (at {place or 'its root'})")


def _put(value: Tensor, place: str, tensors: dict[str, Tensor]) -> str:
    tensors[place] = value
    return place


def _array(value: np.ndarray, place: str, tensors: dict[str, Tensor]) -> Any:
    """An array; types that files do not hold go as their bytes."""
    if value.dtype.kind not in "biuf":
        raise TypeError(f"a state can't hold an array of {value.dtype} (at {place or 'its root'})")
    whole = np.array(value, order="C")  # a copy
    kept = whole if value.dtype in KINDS else np.frombuffer(whole.tobytes(), np.uint8).copy()
    name = _put(torch.from_numpy(kept), place, tensors)
    return {"$array": name, "type": value.dtype.str, "shape": list(value.shape)}


def join_state(flat: Flat) -> Any:
    """The state that `flatten_state` took apart.

    Raises:
        ValueError: If it did not come from there.
    """
    try:
        return _joined(flat.plain, flat.tensors)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, OverflowError) as error:
        raise ValueError(f"the state is damaged: {type(error).__name__} {' '.join(str(error).split())}") from None


def _joined(plain: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(plain, list):
        return [_joined(part, tensors) for part in plain]
    if not isinstance(plain, dict):
        return plain
    mark = next((name for name in plain if name.startswith(MARK)), None)
    if mark is None:
        return {name: _joined(part, tensors) for name, part in plain.items()}
    content = plain[mark]
    if mark == "$int":
        return int(content)
    if mark == "$tensor":
        return tensors[content]
    if mark == "$number":
        return np.dtype(plain["type"]).type(content)
    if mark == "$tuple":
        return tuple(_joined(part, tensors) for part in content)
    kind, shape = np.dtype(plain["type"]), plain["shape"]
    return np.frombuffer(tensors[content].cpu().numpy().tobytes(), kind).reshape(shape).copy()
