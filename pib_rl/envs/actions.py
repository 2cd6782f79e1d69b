"""Actions that agents give: whether a space of actions has them."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces

from pib_rl.common.options import shown


def has_action(space: spaces.Space[Any], action: Any) -> bool:
    """Whether a space has an action, as agents give it.

    Discrete: one of its numbers, a whole one of Python or NumPy, or an array without axes of one. Box: finite numbers
    of its shape; what lies outside its bounds passes, for those who take actions clip them. Others: `Space.contains`.
    """
    if not isinstance(space, (spaces.Discrete, spaces.Box)):
        return bool(space.contains(action))
    try:
        found = np.asarray(action)
    except (ValueError, TypeError):  # lists of unequal lengths, objects that are no numbers
        return False
    if isinstance(space, spaces.Discrete):
        return found.dtype.kind in "biu" and found.ndim == 0 and 0 <= int(found) - int(space.start) < int(space.n)
    return found.dtype.kind in "biuf" and found.shape == space.shape and bool(np.isfinite(found).all())


def check_action(space: spaces.Space[Any], action: Any, expected: str = "") -> None:
    """Raises ValueError, with what is expected and what came, unless a space has an action; see `has_action`."""
    if not has_action(space, action):
        raise ValueError(f"the action must be {expected or f'one of {space}'}, got {shown(action)}")
