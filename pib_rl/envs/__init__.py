"""Environments: made by id, vectorised, made harder, with hardware inside, and tasks of this package's own."""

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
