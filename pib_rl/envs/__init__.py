"""Environments: made by id, vectorised, and made harder."""

from pib_rl.envs.distractors import Distractors, VecDistractors
from pib_rl.envs.make import make_env, make_vec_env

__all__ = ["Distractors", "VecDistractors", "make_env", "make_vec_env"]
