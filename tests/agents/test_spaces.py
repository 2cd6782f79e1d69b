"""Observation spaces: how they become one vector, and which are refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from gymnasium import spaces
from worlds import World

from pib_rl.agents import PIB, PIBPolicy
from pib_rl.agents.heads import make_head

TWO, BOX = spaces.Discrete(2), spaces.Box(-1, 1, (3,))
PARTS = spaces.Dict({"far": spaces.Box(-1, 1, (2,)), "near": spaces.Discrete(3)})


@pytest.mark.parametrize(
    ("space", "value", "flat"),
    [
        (spaces.Box(-1, 1, (2, 2)), [[0.1, 0.2], [0.3, 0.4]], [0.1, 0.2, 0.3, 0.4]),
        (spaces.Discrete(3), 1, [0, 1, 0]),
        (spaces.MultiDiscrete([2, 3]), [1, 0], [0, 1, 1, 0, 0]),
        (spaces.MultiBinary(3), [1, 0, 1], [1, 0, 1]),
        (spaces.Box(0, 255, (1, 36, 36), dtype=np.uint8), np.full((1, 36, 36), 51), np.full(1296, 0.2)),
    ],
    ids=["box", "discrete", "multidiscrete", "multibinary", "image"],
)
def test_observations_become_one_vector(space, value, flat):
    policy = PIBPolicy(space, TWO, width=4)
    obs, _ = policy.obs_to_tensor(np.asarray(value, dtype=space.dtype))
    torch.testing.assert_close(policy.flatten(obs), torch.tensor(np.asarray(flat)[None], dtype=torch.float32))
    assert policy.model.network.in_features == len(flat)


@pytest.mark.parametrize(
    "space",
    [BOX, spaces.Discrete(3), spaces.MultiDiscrete([2, 3]), spaces.MultiBinary(3)],
    ids=lambda space: type(space).__name__,
)
@pytest.mark.parametrize(
    "action", [TWO, spaces.Box(-2, 2, (2,)), spaces.Box(0, 1, (2, 2))], ids=["discrete", "box", "matrix"]
)
def test_all_pairs_of_spaces_learn(space, action):
    agent = PIB("MlpPolicy", World(space, action), n_steps=12, width=4, seed=0).learn(24)
    chosen, _ = agent.predict(space.sample(), deterministic=True)
    assert action.contains(chosen if chosen.shape else int(chosen))


def test_a_dictionary_of_observations_learns():
    agent = PIB("MultiInputPolicy", World(PARTS, TWO), n_steps=12, width=4, seed=0).learn(24)
    assert agent.policy.model.network.in_features == 5
    agent.predict(PARTS.sample(), deterministic=True)


def test_an_image_learns_under_the_name_of_sb3():
    space = spaces.Box(0, 255, (6, 7, 1), dtype=np.uint8)  # channels last: SB3 turns them
    agent = PIB("CnnPolicy", World(space, TWO), n_steps=8, width=4, seed=0).learn(16)
    assert agent.policy.model.network.in_features == 42


def test_the_order_of_keys_in_a_dictionary_does_not_matter():
    policy = PIBPolicy(PARTS, TWO, width=4)
    one = {"far": np.array([0.5, -0.5], dtype=np.float32), "near": np.array(2)}
    two = {"near": one["near"], "far": one["far"]}
    a, b = (policy.flatten(policy.obs_to_tensor(obs)[0]) for obs in (one, two))
    torch.testing.assert_close(a, torch.tensor([[0.5, -0.5, 0.0, 0.0, 1.0]]))
    assert torch.equal(a, b)


def test_last_observations_are_stored_in_the_order_of_all_others():
    agent = PIB("MultiInputPolicy", World(PARTS, TWO, backwards=True), n_steps=10, width=4, seed=0).learn(10)
    near = agent.rollout.next_obs[:, 0, 2:]  # the one-hot part; rows 4 and 9 are ends of episodes
    assert agent.rollout.truncated[:, 0].nonzero().flatten().tolist() == [4, 9]
    assert torch.equal(near.sum(1), torch.ones(10))
    assert torch.equal(near.max(1).values, torch.ones(10))


@pytest.mark.parametrize(
    "space",
    [
        spaces.Tuple([TWO, TWO]),
        spaces.Text(4),
        spaces.Dict({"inner": spaces.Dict({"deep": TWO})}),
    ],
    ids=["tuple", "text", "nested"],
)
def test_unsupported_observations_are_refused_with_the_cure(space):
    with pytest.raises(ValueError, match=r"observation space must be Box.*got (Tuple|Text|Dict).*FlattenObservation"):
        PIBPolicy(space, TWO)


@pytest.mark.parametrize("space", [spaces.Discrete(3, start=5), spaces.Dict({"near": spaces.Discrete(3, start=-1)})])
def test_observations_that_do_not_start_at_zero_are_refused(space):
    with pytest.raises(ValueError, match="discrete observations must be numbered from 0, got Discrete"):
        PIBPolicy(space, TWO)


def test_unsupported_actions_are_refused_by_the_agent_with_one_message():
    with pytest.raises(ValueError, match="action space must be Discrete or Box, got MultiBinary"):
        PIB("MlpPolicy", World(BOX, spaces.MultiBinary(2)), n_steps=8)


def test_actions_that_do_not_start_at_zero_are_refused():
    with pytest.raises(ValueError, match="numbered from 0"):
        make_head(spaces.Discrete(2, start=1))
