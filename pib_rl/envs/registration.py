"""The environments of this package by id, for `gymnasium.make`."""

from __future__ import annotations

import gymnasium as gym

IDS = {  # what makes each; arguments of `gymnasium.make` go to it
    "pib_rl/Hardware-v0": "pib_rl.envs.creators:make_hardware",
    "pib_rl/Encoder-v0": "pib_rl.envs.creators:make_encoder",
}


def register() -> None:
    """Tells Gymnasium of all of them; those that it knows stay."""
    for name, maker in IDS.items():
        if name not in gym.registry:
            gym.register(name, maker)
