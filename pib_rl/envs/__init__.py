"""Environments: made by id, vectorised, made harder, with hardware inside, and tasks of this package's own."""

from pib_rl.envs.chips import FreshChip
from pib_rl.envs.context_flip import ContextFlip
from pib_rl.envs.delayed_cue import DelayedCue
from pib_rl.envs.distractors import Distractors, VecDistractors
from pib_rl.envs.encoder import HardwareEncoder, VecHardwareEncoder
from pib_rl.envs.loop import HardwareLoop
from pib_rl.envs.make import make_env, make_vec_env
from pib_rl.envs.registration import register

__all__ = ["ContextFlip", "DelayedCue", "Distractors", "FreshChip", "HardwareEncoder", "HardwareLoop",
           "VecDistractors", "VecHardwareEncoder", "make_env", "make_vec_env"]

register()
