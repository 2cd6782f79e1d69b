"""The agent of a learner: most learners run in PIB's own loop, some have a loop of their own."""

from __future__ import annotations

from typing import Any

from stable_baselines3.common.type_aliases import GymEnv

from pib_rl.agents.es import ES
from pib_rl.agents.learners.registry import find_learner
from pib_rl.agents.pib import PIB
from pib_rl.agents.policy import PIBPolicy


def make_agent(
    learner: str, policy: str | type[PIBPolicy] = "MlpPolicy", env: GymEnv | str | None = None, **kwargs: Any
) -> PIB:
    """The agent that trains as ``learner`` says, a key of `pib_rl.agents.LEARNERS`; other arguments are those of `PIB`.

    Raises:
        ValueError: If there is no such learner, or an argument is not supported.
    """
    kind = ES if find_learner(learner).own_loop else PIB
    return kind(policy, env, learner=learner, **kwargs)
