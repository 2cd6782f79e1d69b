"""Greedy episodes of a policy, seen by a probe."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np

from pib_rl.agents.observations import batched
from pib_rl.agents.policy import PIBPolicy
from pib_rl.agents.resuming.failures import of_environment
from pib_rl.cli.cli import mistakes
from pib_rl.common.finite import Origin, check_arrays
from pib_rl.common.pictures import as_frame
from pib_rl.common.streams import Streams
from pib_rl.physical.substrate import Read
from pib_rl.viewer import Episodes, Probe


class EpisodePlayer(Episodes):
    """Greedy episodes, one after the other.

    The policy has decided on the state that is to be seen, unless that state ended an episode: then the decision to be
    seen is the one that led to it, and the next episode begins when the play goes on. ``seed`` is that of the episodes.
    """

    def __init__(self, policy: PIBPolicy, env: gym.Env[Any, Any], read: Read = Read.NOISY, seed: int = 0) -> None:
        super().__init__()
        self.policy, self.env, self.probe = policy, env, Probe(policy, read)
        self._streams = Streams(seed)

    def _begin(self) -> None:
        """An episode begins."""
        seed = self._streams.integer(f"play-{len(self.returns)}")
        with of_environment(f"after step {self.steps}"):
            obs, _ = self.env.reset(seed=seed)
        self.start()
        self.probe.begin()
        self._due()
        self._decide(obs)

    def _due(self) -> None:
        """What is planned for this step happens before the policy decides; nothing here."""

    def _decide(self, obs: Any) -> None:
        with mistakes():
            check_arrays(batched(obs), origin=Origin(self.steps))
        self._action = self.probe.act(obs if isinstance(obs, dict) else np.asarray(obs))[0]

    def advance(self) -> None:
        """One picture on: a step, or the beginning of an episode after the last one has ended."""
        if self.over:
            self._begin()
        else:
            self.step()

    def step(self) -> None:
        """Does what was decided, then decides on what came of it; whoever calls it holds the chip."""
        if self.over:
            self._begin()
        with of_environment(f"after step {self.steps}"):
            obs, reward, terminated, truncated, _ = self.env.step(self._action)
        with mistakes():
            check_arrays(np.asarray([reward], dtype=float), "reward", Origin(self.steps + 1))
        self.count(reward, terminated or truncated)
        if not self.over:
            self._due()
            self._decide(obs)

    def frame(self) -> np.ndarray | None:
        """Picture of the task, shape (height, width, 3), uint8; None where it renders none."""
        with of_environment("when it was drawn"):
            picture = self.env.render()
        return as_frame(picture)

    @property
    def fps(self) -> float:
        """Environment steps a second that look natural."""
        return float(self.env.metadata.get("render_fps") or 30)
