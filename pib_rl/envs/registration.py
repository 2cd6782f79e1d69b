"""The environments of this package by id, as Gymnasium's registry takes them."""

from __future__ import annotations

from typing import Any

import gymnasium as gym

TASKS: dict[str, dict[str, Any]] = {
    "pib_rl/ChipKeeper-v0": {"entry_point": "pib_rl.envs.keeper.env:ChipKeeper"},
    "pib_rl/ContextBandit-v0": {"entry_point": "pib_rl.envs.context_bandit:ContextBandit"},
    "pib_rl/ContextFlip-v0": {"entry_point": "pib_rl.envs.context_flip:make_context_flip"},
    "pib_rl/DelayedCue-v0": {"entry_point": "pib_rl.envs.delayed_cue:make_delayed_cue"},
    "pib_rl/Distractors-v0": {"entry_point": "pib_rl.envs.distractors:make_distractors"},
}


def register_all() -> None:
    """Registers what is not registered yet; `import pib_rl.envs` does it."""
    for name, settings in TASKS.items():
        if name not in gym.registry:
            gym.register(name, **settings)
