"""Trainings that are too short: rates have fallen to 0 before the first rollout is learned from."""

from __future__ import annotations

NOTHING = "nothing would be learned"
ROLLOUTS = 4  # of a short training whose rollouts are made shorter


def too_short(steps: int, envs: int, n_steps: int, shorter: str = "n_steps", longer: str = "total_timesteps") -> str:
    """Why nothing would be learned in so many steps, and how to mend it; empty where a rollout is learned from.

    Args:
        steps: Of the whole training.
        envs: Environments of a chip.
        n_steps: Steps of a rollout in each of them.
        shorter: What the number of steps per rollout is called; empty where it can't be chosen.
        longer: What that of the training is called.
    """
    rollout = n_steps * envs
    if not 0 < steps <= rollout:
        return ""
    fewer = steps // (ROLLOUTS * envs)
    lower = f"lower {shorter} to {fewer} or " if shorter and fewer * envs > 1 else ""
    return (
        f"{NOTHING}: rates fall to 0 after {steps:,} steps, and the first rollout has {rollout:,}; {lower}raise "
        f"{longer} to {ROLLOUTS * rollout:,} or more"
    )
