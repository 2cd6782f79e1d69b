"""Gymnasium's spaces as plain data, and back."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
from gymnasium import spaces

Space = spaces.Space[Any]


def plain_space(space: Space) -> dict[str, Any]:
    """A space as `pib_rl.common.tree.flatten_state` takes it, see `make_space`; TypeError for a kind without a form."""
    if isinstance(space, spaces.Box):
        bounds = {"low": _short(space.low), "high": _short(space.high)}
        return {"kind": "Box", **bounds, "shape": list(space.shape), "type": space.dtype.str}
    if isinstance(space, spaces.Discrete):
        return {"kind": "Discrete", "n": int(space.n), "start": int(space.start), "type": space.dtype.str}
    if isinstance(space, spaces.MultiDiscrete):
        return {"kind": "MultiDiscrete", "n": space.nvec, "start": space.start, "type": space.dtype.str}
    if isinstance(space, spaces.MultiBinary):
        return {"kind": "MultiBinary", "shape": list(space.shape)}
    if isinstance(space, spaces.Dict):
        return {"kind": "Dict", "parts": [[name, plain_space(part)] for name, part in space.spaces.items()]}
    if isinstance(space, spaces.Tuple):
        return {"kind": "Tuple", "parts": [plain_space(part) for part in space.spaces]}
    raise TypeError(f"a space of type {type(space).__name__}")


def make_space(plain: dict[str, Any]) -> Space:
    """The space that `plain_space` put down.

    Raises:
        ValueError, KeyError, TypeError, AssertionError: If it is none.
    """
    kind = plain["kind"]
    if kind == "Box":
        shape, dtype = tuple(plain["shape"]), np.dtype(plain["type"])
        low, high = (np.broadcast_to(plain[name], shape).astype(dtype) for name in ("low", "high"))
        return spaces.Box(low, high, shape, dtype.type)
    if kind == "Discrete":
        return spaces.Discrete(plain["n"], start=plain["start"], dtype=np.dtype(plain["type"]).type)
    if kind == "MultiDiscrete":
        return spaces.MultiDiscrete(plain["n"], dtype=np.dtype(plain["type"]).type, start=plain["start"])
    if kind == "MultiBinary":
        shape = plain["shape"]
        return spaces.MultiBinary(shape[0] if len(shape) == 1 else shape)
    if kind == "Dict":
        return spaces.Dict(OrderedDict((name, make_space(part)) for name, part in plain["parts"]))
    if kind == "Tuple":
        return spaces.Tuple([make_space(part) for part in plain["parts"]])
    raise ValueError(f"unknown space {kind!r}")


def _short(bounds: np.ndarray) -> Any:
    """Bounds of a Box as numbers, which may be infinite; one number where all are the same."""
    same = bounds.size and (bounds == bounds.flat[0]).all()
    return (bounds.flat[0] if same else bounds).tolist()
