"""What a training will run, said before it runs."""

from __future__ import annotations

import math

from pib_rl.agents import PIB
from pib_rl.envs.make import LONGEST, time_limit
from pib_rl.training.config import TrainConfig

FINAL = 4  # the last policy and the best one, each in two read modes
SHORT = 10  # episodes of an evaluation that is a first look


def forecast(config: TrainConfig, model: PIB) -> list[str]:
    """What may surprise: more steps than were asked for, no learning, an evaluation longer than the training."""
    rollout = model.n_steps * model.envs_per_chip
    steps = rollout * math.ceil(config.timesteps / rollout)
    said = []
    if steps != config.timesteps:
        asked = f"{config.timesteps:,} steps were asked for"
        said.append(f"{asked}; a rollout has {rollout:,}, so that {steps:,} will run")
    if why := model.too_short(config.timesteps, shorter="--n-steps", longer="--timesteps"):
        said.append(f"warning: {why}")
    most = FINAL * config.eval_episodes * (time_limit(config.env) or LONGEST)
    if most > 2 * steps and config.eval_episodes > SHORT:
        plays = f"the final evaluation plays {FINAL * config.eval_episodes:,} episodes at most"
        said.append(f"{plays}, up to {most:,} steps; --eval-episodes {SHORT} is shorter")
    return said
