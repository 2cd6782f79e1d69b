"""Actions as a task takes them, and as a head gives them: the two ways between."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Generic, TypeVar

import numpy as np
from gymnasium import spaces

S = TypeVar("S", bound=spaces.Space[Any])
UNBOUNDED = 1e30  # a bound of this size or more is none
LARGEST_WHOLE = 2**53  # up to there 64-bit floats hold every whole number
FEW = 32  # values of a whole number, at most, of which each has an output of its own


class ActionUnits(ABC, Generic[S]):
    """Actions of one space.

    Args:
        space: The actions of a task.
    """

    def __init__(self, space: S) -> None:
        self.space = space

    @abstractmethod
    def to_env(self, actions: np.ndarray) -> np.ndarray:
        """Actions of a head, shape (n, ...), as the task takes them, all of them inside its space, shape (n, ...)."""

    @abstractmethod
    def from_env(self, action: Any) -> np.ndarray:
        """One action of the task as a head gives it, flat, shape (d,)."""


class Numbered(ActionUnits[spaces.Space[Any]]):
    """Whole numbers, each with few values: a head counts them from 0.

    Args:
        space: The actions of a task.
        first: The smallest value of each number, shape (d,).
        sizes: How many values each has, shape (d,).
    """

    def __init__(self, space: spaces.Space[Any], first: Any, sizes: Any) -> None:
        super().__init__(space)
        self.first, self.sizes = np.ravel(first).astype(np.int64), np.ravel(sizes).astype(np.int64)

    def to_env(self, actions: np.ndarray) -> np.ndarray:
        counted = actions.reshape(len(actions), -1) + self.first
        return counted.reshape(-1, *(self.space.shape or ())).astype(self.space.dtype)

    def from_env(self, action: Any) -> np.ndarray:
        return np.ravel(action).astype(np.int64) - self.first


class Scaled(ActionUnits[spaces.Box]):
    """Numbers between bounds: a head's -1..1 spans them. Of whole numbers, each has an equal part of that range."""

    def __init__(self, space: spaces.Box) -> None:
        super().__init__(space)
        self.low, self.high = space.low, space.high
        if is_whole(space):
            self.low, self.high = space.low.astype(float) - 0.5, space.high.astype(float) + 0.5

    def to_env(self, actions: np.ndarray) -> np.ndarray:
        inside = np.clip(actions.reshape(-1, *self.space.shape), -1, 1)
        return within(self.space, self.low + (0.5 * (inside + 1.0) * (self.high - self.low)))

    def from_env(self, action: Any) -> np.ndarray:
        span = self.high - self.low
        part = np.asarray(action) - self.low
        return np.ravel(2.0 * np.divide(part, span, out=np.full_like(span, 0.5), where=span > 0) - 1.0)


class Unscaled(ActionUnits[spaces.Box]):
    """Numbers without bounds, or with bounds at one side: a head gives them as they are."""

    def to_env(self, actions: np.ndarray) -> np.ndarray:
        return within(self.space, actions.reshape(-1, *self.space.shape))

    def from_env(self, action: Any) -> np.ndarray:
        return np.ravel(action)


def within(space: spaces.Box, actions: np.ndarray) -> np.ndarray:
    """Numbers of a Box, shape (n, ...), of its type and between its bounds; whole ones rounded."""
    if not is_whole(space):
        clipped: np.ndarray = np.clip(actions, space.low, space.high).astype(space.dtype)
        return clipped
    low, high = (np.clip(edge.astype(float), -LARGEST_WHOLE, LARGEST_WHOLE) for edge in (space.low, space.high))
    rounded: np.ndarray = np.clip(np.rint(actions.astype(float)), low, high).astype(space.dtype)
    return rounded


def is_whole(space: spaces.Box) -> bool:
    """Whether a Box holds whole numbers."""
    return space.dtype is not None and space.dtype.kind in "biu"


def action_units(space: spaces.Space[Any]) -> ActionUnits[Any]:
    """The units of a task's actions.

    Whole numbers of a Box have an output per value where none has more than `FEW` values; else they are rounded.
    Bounds of `UNBOUNDED` or more count as none.

    Raises:
        ValueError: If no head can give such actions; the message says what to use.
    """
    if isinstance(space, spaces.Discrete):
        return Numbered(space, space.start, space.n)
    if isinstance(space, spaces.MultiDiscrete):
        return Numbered(space, space.start, space.nvec)
    if isinstance(space, spaces.MultiBinary):
        return Numbered(space, np.zeros(space.shape), np.full(space.shape, 2))
    if not isinstance(space, spaces.Box):
        raise ValueError(
            "action space must be Discrete, MultiDiscrete, MultiBinary or Box, got "
            f"{type(space).__name__}; {cure(space)}"
        )
    low, high = space.low.astype(float), space.high.astype(float)
    most = LARGEST_WHOLE if is_whole(space) else UNBOUNDED
    if not space.is_bounded() or max(abs(low).max(), abs(high).max()) >= most:
        return Unscaled(space)
    if is_whole(space) and (high - low).max() < FEW:
        return Numbered(space, space.low, high - low + 1)
    return Scaled(space)


def check_action_space(space: spaces.Space[Any]) -> None:
    """Raises ValueError unless an agent can give such actions: as for `action_units`, and a Box with finite bounds."""
    action_units(space)
    if isinstance(space, spaces.Box) and not np.isfinite([space.low, space.high]).all():
        raise ValueError(
            f"continuous actions must have finite bounds, got {space}; give its Box bounds, or wrap the environment "
            "with gymnasium.wrappers.TransformAction"
        )


def cure(space: spaces.Space[Any]) -> str:
    """What to use in the place of a space of actions that no head can give."""
    if isinstance(space, (spaces.Tuple, spaces.Dict)):
        return "wrap the environment so that it takes all parts in one MultiDiscrete (choices) or one Box (numbers)"
    if isinstance(space, spaces.OneOf):
        return "wrap the environment so that it takes a MultiDiscrete: which part is meant, and its values"
    return "an action must have a fixed number of numbers: wrap the environment so that it takes a MultiDiscrete or Box"
