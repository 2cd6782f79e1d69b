"""A cue that is shown for a while: when, how it holds, and what a policy without memory can't know."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

from pib_rl.envs import DelayedCue


@pytest.mark.parametrize("steps", [1, 3])
def test_the_cue_is_shown_in_the_first_observations_only(steps):
    env = DelayedCue(gym.make("Pendulum-v1"), steps)
    for seed in range(4):
        obs, info = env.reset(seed=seed)
        shown = [obs[-1], *[env.step(np.zeros(1, dtype=np.float32))[0][-1] for _ in range(6)]]
        assert shown == [info["context"]] * steps + [0] * (7 - steps)


def test_the_context_holds_when_the_cue_is_gone():
    env, plain = DelayedCue(gym.make("CartPole-v1"), 1), gym.make("CartPole-v1")
    contexts = set()
    for seed in range(6):
        context = env.reset(seed=seed)[1]["context"]
        contexts.add(context)
        plain.reset(seed=seed)
        for action in (0, 1, 1, 0):
            obs, _, _, _, info = env.step(action)
            expected = plain.step(action if context > 0 else 1 - action)[0]
            np.testing.assert_array_equal(obs[:-1], expected)
            assert info["context"] == context
    assert contexts == {1, -1}


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_it_can_be_made_again():
    again = gym.make(DelayedCue(gym.make("CartPole-v1"), np.int64(7)).spec)
    assert isinstance(again, DelayedCue)
    assert (again.steps, type(again.steps)) == (7, int)


@pytest.mark.parametrize("steps", [0, -1, 1.5, True])
def test_the_cue_must_be_shown(steps):
    with pytest.raises(ValueError, match=f"DelayedCue steps must be a whole number, 1 or more, got {steps}"):
        DelayedCue(gym.make("CartPole-v1"), steps)


def test_spaces_must_fit():
    with pytest.raises(ValueError, match="DelayedCue needs observations that are vectors"):
        DelayedCue(gym.make("FrozenLake-v1"))
