"""Evaluation of a policy on fresh episodes, without touching what training draws or counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecMonitor, is_vecenv_wrapped

from pib_rl.agents.policy import PIBPolicy, Reader
from pib_rl.agents.resuming.failures import of_environment
from pib_rl.cli.cli import note
from pib_rl.common.finite import Origin, check_arrays
from pib_rl.envs.make import LONGEST
from pib_rl.physical.substrate import Read
from pib_rl.training.resuming.failures import close_environment

PLACE = "in an evaluation"  # where an environment failed
FINAL = 4  # final evaluations of a run: the last policy and the best one, each in two read modes
ROUND = 10  # episodes that are played before steps are counted, where they are limited
AT_ONCE = 100  # environments side by side, at most
WAFER_AT_ONCE = 1024  # the same for all chips of a wafer together


def evaluate(
    policy: PIBPolicy,
    make_env: Callable[[int], VecEnv],
    episodes: int,
    read: Read,
    limit: int | None = None,
    tell: Callable[[str], None] = note,
    steps: int | None = None,
) -> np.ndarray:
    """Greedy returns of fresh episodes on hardware.

    Read noise comes from a stream of its own, which starts again each time, and the meter stands still: training is
    the same, bit for bit, however often it is evaluated, and so is a later evaluation.

    Args:
        policy: The policy.
        make_env: Makes that many environments, with a seed that training never uses.
        episodes: Number of episodes, of each chip of a wafer.
        read: Read mode.
        limit: Most steps of an episode, where the task sets a limit, see `greedy_returns`.
        tell: Gets a sentence if an episode did not end.
        steps: Steps of each chip after which no more episodes begin, see `greedy_returns`.

    Returns:
        Undiscounted returns, shape (*chips, episodes), in the order of the environments, see `greedy_returns`.
    """
    with policy.streams.aside("evaluation", anew=True), policy.meter.paused():
        returns = greedy_returns(Reader(policy, read), make_env, episodes, policy.model.chip.chips, limit, tell, steps)
    return returns if policy.streams.chips else returns[0]


def greedy_returns(
    player: Any,
    make_env: Callable[[int], VecEnv],
    episodes: int,
    chips: int = 1,
    limit: int | None = None,
    tell: Callable[[str], None] = note,
    steps: int | None = None,
) -> np.ndarray:
    """Undiscounted returns of fresh episodes of anything that has the ``predict`` of a policy.

    Each episode has an environment to itself, up to `AT_ONCE` of them side by side; of more episodes, the environments
    play about equally many one after the other. All go on together until the last episode has ended; an environment
    that has played its part stands still where it can.

    Args:
        player: What chooses the actions.
        make_env: Makes that many environments.
        episodes: Number of episodes, 1 or more, of each chip.
        chips: Chips of a wafer, each with equally many of the environments: the first ones are the first chip's.
        limit: Most steps of an episode, where the task sets a limit; None for `LONGEST`. An episode that has not ended
            by then counts with its return so far.
        tell: Gets a sentence if that happened.
        steps: Steps of each chip after which no more episodes begin. Unless all episodes together are shorter in any
            case, they are played in rounds: `ROUND` environments of each chip play an episode each until all of them
            have ended, so that long episodes count as often as short ones. One round is always played.

    Returns:
        Returns, shape (chips, episodes), in the order of the environments, not in that of finishing: ``returns[c, i]``
        is of environment i of chip c. Of more than `AT_ONCE` episodes, those of its environment 0 come first, then
        those of 1, and so on. Where environments are monitored, returns are those of the monitor, untouched by wrappers
        above it.
    """
    rounds = steps is not None and episodes > ROUND and episodes * (limit or LONGEST) > steps
    count = min(episodes, ROUND if rounds else AT_ONCE, AT_ONCE if chips == 1 else max(1, WAFER_AT_ONCE // chips))
    env = make_env(count * chips)
    try:
        if rounds and steps is not None:
            returns, endless = _play_rounds(player, env, count, chips, episodes, limit, steps)
            episodes = sum(map(len, returns)) // chips
        else:
            wanted = [(episodes + index) // count for index in range(count)] * chips
            returns, endless, _ = _play(player, env, wanted, limit)
    finally:
        close_environment(env)
    if endless:
        tell(
            f"{endless} of {episodes * chips} episodes of an evaluation did not end within {limit or LONGEST} steps, "
            "its limit; their returns are those of these steps; give the task a time limit (max_episode_steps)"
        )
    return np.array([value for one in returns for value in one], dtype=float).reshape(chips, episodes)


def _play_rounds(
    player: Any, env: VecEnv, count: int, chips: int, episodes: int, limit: int | None, steps: int
) -> tuple[list[list[float]], int]:
    """As `_play`, round by round, an episode of each environment: until all are played, or so many steps are over."""
    returns: list[list[float]] = [[] for _ in range(count * chips)]
    endless = used = begun = 0
    while begun < episodes and used < steps:
        wanted = [int(index < episodes - begun) for index in range(count)] * chips
        begun += min(count, episodes - begun)
        found, late, played = _play(player, env, wanted, limit)
        _wake(env)
        for known, more in zip(returns, found, strict=True):
            known += more
        endless, used = endless + late, used + played // chips
    return returns, endless


def _play(player: Any, env: VecEnv, wanted: list[int], limit: int | None) -> tuple[list[list[float]], int, int]:
    """The returns of the first ``wanted`` episodes of each environment.

    Also how many of these episodes reached no end, and how many steps they have together.
    """
    most, endless, steps = limit or LONGEST, 0, np.zeros(len(wanted), dtype=int)
    monitored = is_vecenv_wrapped(env, VecMonitor) or env.env_is_wrapped(Monitor)[0]
    returns: list[list[float]] = [[] for _ in wanted]
    sums, missing = np.zeros(len(wanted)), sum(wanted)
    with of_environment(PLACE):
        obs, ended = env.reset(), np.ones(len(wanted), dtype=bool)
    state: Any = None
    played = counted = 0
    while missing:
        check_arrays(obs, "evaluation's observation", Origin(played))
        actions, state = player.predict(obs, state, ended, deterministic=True)
        with of_environment(PLACE):
            obs, rewards, ended, infos = env.step(actions)
        played += 1
        check_arrays(rewards, "evaluation's reward", Origin(played))
        sums += rewards
        steps += 1
        for index in np.flatnonzero(ended | (steps >= most)).tolist():
            late = steps[index] >= most
            episode = infos[index].get("episode") if monitored and ended[index] else None
            if monitored and episode is None and not late:  # a wrapper ends episodes that go on: at the loss of a life
                continue
            if len(returns[index]) < wanted[index]:
                cut = not ended[index] or (limit is None and bool(infos[index].get("TimeLimit.truncated")))
                endless += int(late and cut)
                returns[index].append(float(sums[index] if episode is None else episode["r"]))
                missing, counted = missing - 1, counted + int(steps[index])
                if len(returns[index]) == wanted[index]:
                    _rest(env, index)
            sums[index], steps[index] = 0.0, 0
    return returns, endless, counted


def silent(sentence: str) -> None:
    """Says nothing: of evaluations during a training, whose last one tells the same."""


class _Resting(gym.Wrapper[Any, Any, Any, Any]):
    """An environment that is no longer needed: its state stands still, and a step costs nothing."""

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        self.seen, _ = env.reset()

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        return self.seen, 0.0, False, False, {}


def _rest(env: VecEnv, index: int) -> None:
    """Lets an environment stand still, where environments are stepped one by one."""
    inner = env.unwrapped
    if isinstance(inner, DummyVecEnv):
        inner.envs[index] = _Resting(inner.envs[index])


def _wake(env: VecEnv) -> None:
    """Lets environments that stand still play again."""
    inner = env.unwrapped
    if isinstance(inner, DummyVecEnv):
        inner.envs = [one.env if isinstance(one, _Resting) else one for one in inner.envs]
