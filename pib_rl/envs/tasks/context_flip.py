"""A meaning of actions that the observation names: one policy for two opposite tasks."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs

from pib_rl.common.options import admit
from pib_rl.envs.actions import check_action
from pib_rl.envs.lookup import make_inner
from pib_rl.envs.tasks.distractors import as_vector, lengthened


def check_actions(space: spaces.Space[Any], owner: str) -> None:
    """Raises ValueError unless actions can be turned around: Discrete, or a Box that is symmetric around 0."""
    symmetric = isinstance(space, spaces.Box) and np.array_equal(space.low, -space.high)
    if not (symmetric or isinstance(space, spaces.Discrete)):
        raise ValueError(f"{owner} needs actions that are Discrete, or a Box that is symmetric around 0, got {space}")


class ContextFlip(gym.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """A context bit turns the meaning of all actions around.

    ## Observation space
    That of the environment, a vector, and one number behind it: the context, 1 or -1.

    ## Action space
    That of the environment. In context 1 actions mean what they always do. In context -1 they are turned around:
    Discrete n: a becomes n - 1 - a (counted from ``start``); Box: a becomes -a.

    ## Rewards, end of an episode
    Those of the environment.

    ## Start
    The context is drawn at each reset from the environment's own generator, both with probability 1/2.

    ## Arguments
    | argument | default | meaning |
    |---|---|---|
    | `env` | | environment with vector observations; Discrete actions, or a Box that is symmetric around 0 |
    | `switch` | 0 | probability per step that the context changes; the observation says so at once |

    ``info`` holds ``context``, 1 or -1.

    ## Version history
    v0: first version.

    Raises:
        ValueError: If the spaces do not fit, ``switch`` is no number in 0..1, or an action is none of its own.
    """

    def __init__(self, env: gym.Env[Any, Any], switch: float = 0.0) -> None:
        owner = type(self).__name__
        switch = admit({"switch": float}, {"switch": switch}, owner)["switch"]
        RecordConstructorArgs.__init__(self, switch=switch)
        gym.Wrapper.__init__(self, env)
        if not 0 <= switch <= 1:
            raise ValueError(f"{owner} switch is a probability per step and must be in 0..1, got {switch}")
        check_actions(env.action_space, owner)
        vectors = as_vector(env.observation_space, f"{owner} needs")
        self.switch, self.context = switch, 1
        self.observation_space = lengthened(vectors, np.ones(1, dtype=np.float32))

    @property
    def shown(self) -> float:
        """What the observation says of the context."""
        return float(self.context)

    def turned(self, action: Any) -> Any:
        """What an action means in the present context."""
        if self.context > 0:
            return action
        space = self.env.action_space
        if isinstance(space, spaces.Discrete):
            kind = type(action) if type(action) is int or isinstance(action, np.integer) else np.int64
            return kind(2 * space.start + space.n - 1 - action)  # agents give arrays without axes, too
        return -np.asarray(action)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        obs, info = self.env.reset(seed=seed, options=options)
        self.context = 1 if self.np_random.random() < 0.5 else -1
        return self._widen(obs), {**info, "context": self.context}

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        check_action(self.action_space, action)
        obs, reward, terminated, truncated, info = self.env.step(self.turned(action))
        self._go_on()
        return self._widen(obs), reward, terminated, truncated, {**info, "context": self.context}

    def _go_on(self) -> None:
        """What a step changes beside the environment: the context may turn."""
        if self.switch and self.np_random.random() < self.switch:
            self.context = -self.context

    def _widen(self, obs: Any) -> np.ndarray:
        return np.append(obs, self.shown).astype(np.float32)


def make_context_flip(env_id: str = "CartPole-v1", switch: float = 0.0, **env_kwargs: Any) -> ContextFlip:
    """`pib_rl/ContextFlip-v0`: the environment ``env_id`` behind `ContextFlip`; ``env_kwargs`` go to it."""
    return ContextFlip(make_inner(env_id, env_kwargs, make_context_flip), switch)
