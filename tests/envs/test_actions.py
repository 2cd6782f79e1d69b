"""Actions of agents: what wrappers take as one, and that what is none changes nothing."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from hardware_toys import same, trace

from pib_rl.envs import ContextFlip, DelayedCue, FreshChip, HardwareLoop
from pib_rl.envs.actions import has_action

WRAPPERS = [lambda env: HardwareLoop(env, FreshChip(width=4), latency_s=0.0), ContextFlip, DelayedCue]
NONE = [  # of CartPole with hardware: Discrete(3)
    1.9,
    1.0,
    "2",
    -1,
    5,
    2**70,
    None,
    [1],
    [],
    np.array([1]),
    np.array(1.0),
    float("nan"),
    "",
    b"1",
    [[1], [2, 3]],
    {},
]
NOT_FINITE = [  # of Pendulum: one number
    [np.nan],
    [np.inf],
    [1, 2],
    1.0,
    "1",
    ["1"],
    None,
    [None],
    [],
    [[1]],
    [[1], [2, 3]],
    [1j],
    {},
]


@pytest.mark.parametrize(
    "action", [0, 2, True, np.int64(2), np.uint8(1), np.array(2), np.array(1, dtype=np.uint16), torch.tensor(1)]
)
def test_whole_numbers_are_discrete_actions(action):
    assert has_action(spaces.Discrete(3), action)
    assert not has_action(spaces.Discrete(3, start=5), action)
    assert has_action(spaces.Discrete(3, start=-1), action) == (int(action) < 2)


@pytest.mark.parametrize(
    "action",
    [
        [0.5],
        (0,),
        np.array([1.0]),
        np.array([0.5], dtype=np.float32),
        np.array([3]),
        [1e30],
        [True],
        torch.tensor([0.5]),
    ],
)
def test_finite_numbers_of_the_shape_are_continuous_actions(action):
    assert has_action(spaces.Box(-1, 1, (1,)), action)
    assert not has_action(spaces.Box(-1, 1, (2,)), action)


def test_other_spaces_know_their_actions():
    space = spaces.MultiDiscrete([2, 2])
    assert (has_action(space, np.array([1, 0])), has_action(space, np.array([2, 0]))) == (True, False)


@pytest.mark.parametrize("wrap", WRAPPERS)
@pytest.mark.parametrize(
    ("task", "action"), [("CartPole-v1", one) for one in NONE] + [("Pendulum-v1", one) for one in NOT_FINITE]
)
def test_what_is_no_action_is_told_and_changes_nothing(wrap, task, action):
    env, other = wrap(gym.make(task)), wrap(gym.make(task))
    right = [env.action_space.sample() for _ in range(6)]
    trace(env, 3, right[:1])
    with pytest.raises(ValueError, match=r"^the action must be one of (Discrete|Box)") as caught:
        env.step(action)
    assert str(env.action_space) in str(caught.value)
    assert repr(action) in str(caught.value)
    trace(other, 3, right[:1])
    for one in right[1:]:
        mine, theirs = env.step(one), other.step(one)
        assert same([(mine[0], mine[1], mine[4])], [(theirs[0], theirs[1], theirs[4])])


@pytest.mark.parametrize("wrap", WRAPPERS)
def test_it_is_the_action_of_the_agent_that_is_told(wrap):
    env = wrap(gym.make("CartPole-v1"))
    env.reset(seed=0)
    n = int(env.action_space.n)
    env.step(n - 1)
    for action in (n, np.int64(n)):
        with pytest.raises(ValueError, match=rf"one of Discrete\({n}\), got"):
            env.step(action)


@pytest.mark.parametrize("kind", [int, np.int64, np.int32, np.uint8, np.array, bool])
@pytest.mark.parametrize("wrap", WRAPPERS)
def test_kinds_of_whole_numbers_act_alike(wrap, kind):
    acts = [1, 0, 1, 1, 0, 0]
    for seed in (0, 1, 2):  # both contexts
        env = wrap(gym.make("CartPole-v1"))
        assert same(trace(env, seed, [kind(act) for act in acts]), trace(env, seed, acts))


@pytest.mark.parametrize("wrap", WRAPPERS)
def test_lists_and_numbers_beyond_the_bounds_act_as_before(wrap):
    env = wrap(gym.make("Pendulum-v1"))
    high = env.action_space.high
    for seed in (0, 1, 2):
        rewards = [reward for _, reward, _ in trace(env, seed, [high, high, high / 2])]
        assert len({*rewards}) == 4
        for acts in ([list(high), tuple(high), high.astype(float) / 2], [high + 100, high.astype(float) * 9, high / 2]):
            assert [reward for _, reward, _ in trace(env, seed, acts)] == pytest.approx(rewards, rel=1e-6)
