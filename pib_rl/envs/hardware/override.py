"""What an agent may do beside the hardware: let it act, or override it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from gymnasium import spaces

from pib_rl.common.options import shown
from pib_rl.envs.actions import has_action


class Override(ABC):
    """The actions of an agent that shares control with the hardware.

    Attributes:
        task: The task's actions.
        space: The agent's actions; 0 lets the hardware act.
        neutral: What the hardware does before it has answered.
    """

    task: spaces.Space[Any]
    space: spaces.Space[Any]
    neutral: Any

    @abstractmethod
    def __call__(self, action: Any, hardware: Any) -> Any:
        """What the task is given, of the agent's action and the hardware's, as the task takes it."""

    def checked(self, action: Any) -> Any:
        """An action of the task; `neutral` for None. Raises ValueError if the task has no such action."""
        if action is None:
            return np.copy(self.neutral)[()]
        if has_action(self.task, action):
            with np.errstate(over="ignore"):
                taken = np.asarray(action, dtype=self.task.dtype)[()]
            if self.task.contains(taken) and np.isfinite(taken).all():
                return taken
        raise ValueError(f"first_action must be an action of the task, {self.task}, got {shown(action)}")


class Replacement(Override):
    """0: the hardware acts; k + 1: action k of the task, counted from its first, in its place."""

    def __init__(self, task: spaces.Discrete) -> None:
        self.task, self.space, self.neutral = task, spaces.Discrete(int(task.n) + 1), np.int64(task.start)

    def __call__(self, action: Any, hardware: Any) -> Any:
        return np.int64(hardware if int(action) == 0 else self.neutral + int(action) - 1)


class Correction(Override):
    """A vector that is added to the hardware's action, clipped to the task's bounds; it spans them twice."""

    def __init__(self, task: spaces.Box) -> None:
        self.task, self._low, self._high = task, task.low, task.high
        with np.errstate(over="ignore"):
            span = task.high - task.low
        self.space = spaces.Box(-span, span, dtype=task.dtype.type)
        self.neutral = np.clip(np.zeros(task.shape), task.low, task.high).astype(task.dtype)

    def __call__(self, action: Any, hardware: Any) -> Any:
        return np.clip(hardware + np.asarray(action), self._low, self._high).astype(self.task.dtype)


def make_override(task: spaces.Space[Any]) -> Override:
    """What an agent may do beside the hardware in a task with such actions.

    Raises:
        ValueError: If they are neither Discrete nor Box of floating-point numbers.
    """
    if isinstance(task, spaces.Discrete):
        return Replacement(task)
    if isinstance(task, spaces.Box) and np.issubdtype(task.dtype, np.floating):
        return Correction(task)
    raise ValueError(
        f"actions must be Discrete or Box of floating-point numbers, got {task}; wrap the task with "
        "gymnasium.wrappers.TransformAction"
    )
