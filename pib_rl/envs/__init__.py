"""Environments: made by id, vectorised, made harder, with hardware inside, and tasks of this package's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pib_rl.common.late.attributes import late_attributes

if TYPE_CHECKING:
    from pib_rl.envs.hardware.chips import FreshChip
    from pib_rl.envs.hardware.encoder import HardwareEncoder, VecHardwareEncoder
    from pib_rl.envs.hardware.loop import HardwareLoop
    from pib_rl.envs.make import make_env, make_vec_env
    from pib_rl.envs.tasks.context_flip import ContextFlip
    from pib_rl.envs.tasks.delayed_cue import DelayedCue
    from pib_rl.envs.tasks.distractors import Distractors, VecDistractors

__all__ = [
    "ContextFlip",
    "DelayedCue",
    "Distractors",
    "FreshChip",
    "HardwareEncoder",
    "HardwareLoop",
    "VecDistractors",
    "VecHardwareEncoder",
    "make_env",
    "make_vec_env",
]

__getattr__ = late_attributes(
    __name__,
    {
        "ContextFlip": "pib_rl.envs.tasks.context_flip",
        "DelayedCue": "pib_rl.envs.tasks.delayed_cue",
        "Distractors": "pib_rl.envs.tasks.distractors",
        "FreshChip": "pib_rl.envs.hardware.chips",
        "HardwareEncoder": "pib_rl.envs.hardware.encoder",
        "HardwareLoop": "pib_rl.envs.hardware.loop",
        "VecDistractors": "pib_rl.envs.tasks.distractors",
        "VecHardwareEncoder": "pib_rl.envs.hardware.encoder",
        "make_env": "pib_rl.envs.make",
        "make_vec_env": "pib_rl.envs.make",
    },
)
