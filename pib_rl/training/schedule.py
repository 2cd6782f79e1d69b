"""When a training is evaluated."""

from __future__ import annotations

MOST = 20  # evaluations during a training by default, at most
EPISODES_PER_LOOK = 80  # longest episodes that a training lasts for each evaluation by default
UNLIMITED = 1000  # steps that count as the longest episode where an environment has no limit


def looks_by_default(timesteps: int, episode_steps: int | None) -> int:
    """How many evaluations a training has by default, the one at its end not counted.

    One for every 80 longest episodes that the training lasts, 20 at most: 80 * 500 steps of CartPole-v1. An evaluation
    takes as long as its longest episode, whose steps come one after the other. One such step, of 20 episodes side by
    side, takes the time of 1 to 7 environment steps of training, as measured; so that evaluations take a tenth of the
    training at most.

    Args:
        timesteps: Environment steps of the training.
        episode_steps: Most steps of an episode, or None where an environment has no limit.
    """
    return min(MOST, timesteps // (EPISODES_PER_LOOK * (episode_steps or UNLIMITED)))


def look_steps(timesteps: int, looks: int | None, episode_steps: int | None) -> list[int]:
    """The environment steps after which a training is evaluated, the evaluation at its end not among them.

    They divide the training in equal parts. An evaluation takes place at the first start of a rollout after its step;
    where several steps fall in one rollout, there is one evaluation for them.

    Args:
        timesteps: Environment steps of the training.
        looks: How many evaluations, 0 or more; None for `looks_by_default`.
        episode_steps: Most steps of an episode, or None where an environment has no limit.
    """
    count = looks_by_default(timesteps, episode_steps) if looks is None else looks
    return [-(-timesteps * part // (count + 1)) for part in range(1, count + 1)]
