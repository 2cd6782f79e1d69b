"""Environments: made by id, vectorised, made harder, and tasks of this package's own."""

from pib_rl.envs.context_flip import ContextFlip
from pib_rl.envs.delayed_cue import DelayedCue
from pib_rl.envs.distractors import Distractors, VecDistractors
from pib_rl.envs.make import make_env, make_vec_env
from pib_rl.envs.registration import register_all

__all__ = ["ContextFlip", "DelayedCue", "Distractors", "VecDistractors", "make_env", "make_vec_env"]

register_all()
