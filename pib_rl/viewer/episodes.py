"""Counts the steps and returns of a play, episode by episode."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(eq=False)
class Episodes:
    """Steps in all; return of the present episode, and whether it is over; returns of those that ended.

    ``marks`` are the numbers, from 1, of episodes in which something broke.
    """

    steps: int = 0
    reward: float = 0.0
    over: bool = False
    returns: list[float] = field(default_factory=list)
    marks: list[int] = field(default_factory=list)

    def start(self) -> None:
        """An episode begins."""
        self.reward, self.over = 0.0, False

    def count(self, reward: Any, over: bool) -> None:
        """Counts a step, with the reward that it brought and whether it ended the episode."""
        self.steps += 1
        self.reward += float(reward)
        self.over = over
        if over:
            self.returns.append(self.reward)

    def mark(self) -> None:
        """Something broke."""
        self.marks.append(len(self.returns) + 1)

    @property
    def episode(self) -> int:
        """Number of the episode that is to be seen, from 1; one that ended stays until the next begins."""
        return len(self.returns) + (not self.over)

    def place(self) -> dict[str, Any]:
        """Where the play is, as fields of `pib_rl.viewer.Status`."""
        earlier, marks = tuple(self.returns[: self.episode - 1]), tuple(self.marks)
        return {"step": self.steps, "episode": self.episode, "reward": self.reward, "returns": earlier, "marks": marks}
