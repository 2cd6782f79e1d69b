"""A cue that is shown for a while and needed for longer: a test of memory."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
from gymnasium.utils import RecordConstructorArgs

from pib_rl.common.options import whole
from pib_rl.envs.lookup import make_inner
from pib_rl.envs.tasks.context_flip import ContextFlip


class DelayedCue(ContextFlip):
    """`ContextFlip` whose context is shown in the first ``steps`` observations only and holds for the whole episode.

    The action after that needs what is no longer shown. A policy without memory sees the same observation in both
    contexts and has to act alike, so that it can't solve the task by what it sees. Two ways around this are in the
    nature of an environment, not of the cue: a policy may write the cue into the environment's own state while it is
    shown (where a cart stands), and one with memory may find the context out by trying.

    ## Observation space
    That of the environment, a vector, and one number behind it: the cue, 1 or -1 in the first ``steps`` observations of
    an episode (that of the reset is the first), 0 in all others.

    ## Action space, rewards, start, end of an episode
    Those of `ContextFlip`; the context never changes within an episode.

    ## Arguments
    | argument | default | meaning |
    |---|---|---|
    | `env` | | environment with vector observations; Discrete actions, or a Box that is symmetric around 0 |
    | `steps` | 5 | observations of an episode in which the cue is shown, 1 or more |

    ## Version history
    v0: first version.

    Raises:
        ValueError: If the spaces do not fit, or ``steps`` is no whole number, 1 or more.
    """

    def __init__(self, env: gym.Env[Any, Any], steps: int = 5) -> None:
        self.steps = whole("DelayedCue steps", steps, 1)
        RecordConstructorArgs.__init__(self, steps=self.steps)
        super().__init__(env)
        self.seen = 0

    @property
    def shown(self) -> float:
        """The cue of the present observation."""
        return float(self.context) if self.seen < self.steps else 0.0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        self.seen = 0
        return super().reset(seed=seed, options=options)

    def _go_on(self) -> None:
        """The cue is seen once more; the context stays."""
        self.seen += 1


def make_delayed_cue(env_id: str = "CartPole-v1", steps: int = 5, **env_kwargs: Any) -> DelayedCue:
    """`pib_rl/DelayedCue-v0`: the environment ``env_id`` behind `DelayedCue`; ``env_kwargs`` go to it."""
    return DelayedCue(make_inner(env_id, env_kwargs, make_delayed_cue), steps)
