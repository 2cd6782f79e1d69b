"""The environments of this package by id, for `gymnasium.make`; `import pib_rl` registers them.

Only names stand here, so that registering imports neither torch nor Stable-Baselines3.
"""

from __future__ import annotations

IDS = {  # what makes each; arguments of `gymnasium.make` go to it
    "pib_rl/Hardware-v0": "pib_rl.envs.hardware.make:make_hardware",
    "pib_rl/Encoder-v0": "pib_rl.envs.hardware.make:make_encoder",
    "pib_rl/ChipKeeper-v0": "pib_rl.envs.chip_keeper.env:ChipKeeper",
    "pib_rl/ContextBandit-v0": "pib_rl.envs.tasks.context_bandit:ContextBandit",
    "pib_rl/ContextFlip-v0": "pib_rl.envs.tasks.context_flip:make_context_flip",
    "pib_rl/DelayedCue-v0": "pib_rl.envs.tasks.delayed_cue:make_delayed_cue",
    "pib_rl/Distractors-v0": "pib_rl.envs.tasks.distractors:make_distractors",
}


def register() -> None:
    """Tells Gymnasium of all of them; those that it knows stay."""
    import gymnasium as gym  # takes a moment, in which a command can be stopped already

    for name, maker in IDS.items():
        if name not in gym.registry:
            gym.register(name, maker)
