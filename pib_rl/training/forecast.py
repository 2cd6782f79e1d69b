"""What a training will run, said before it runs."""

from __future__ import annotations

import math

from pib_rl.agents import PIB
from pib_rl.envs.make import LONGEST, time_limit
from pib_rl.training.config import TrainConfig
from pib_rl.training.evaluation import FINAL, ROUND


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
    longest = time_limit(config.env) or LONGEST
    most, plays = FINAL * config.eval_episodes * longest, f"{FINAL * config.eval_episodes:,} episodes at most"
    if most > config.final_steps and config.eval_episodes > ROUND:
        said.append(
            f"the final evaluation plays {plays} ({config.eval_episodes:,} of the last policy and of the best one, "
            f"noisy and mean read), and begins no more of them after {config.final_steps:,} steps; --eval-steps "
            "changes that"
        )
    elif most > 2 * steps and config.eval_episodes > ROUND:
        said.append(f"the final evaluation plays {plays}, up to {most:,} steps; --eval-episodes {ROUND} is shorter")
    return said
