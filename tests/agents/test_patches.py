"""Policies whose first units look at squares of images: how observations become images, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from gymnasium import spaces
from gymnasium.wrappers import FrameStackObservation
from stable_baselines3.common.vec_env import DummyVecEnv, VecFrameStack
from worlds import World

from pib_rl.agents import PIB, CnnPolicy, PIBPolicy
from pib_rl.agents.observations import image_layout
from pib_rl.agents.patches import Grid, parse_patches

TWO = spaces.Discrete(2)
PATCHES = ((3, 3, 1), (2, 3, 2))
SMALL = {"width": 4, "units": 1, "seed": 0}


def box(*shape: int, dtype: type = np.float32) -> spaces.Box:
    return spaces.Box(0, 255 if dtype is np.uint8 else 1, shape, dtype=dtype)


@pytest.mark.parametrize(
    ("space", "grid", "axes"),
    [
        (box(6, 7), Grid(6, 7, 1), (0, 1)),
        (box(10, 10, 4, dtype=bool), Grid(10, 10, 4), (0, 1, 2)),
        (box(4, 10, 10, dtype=bool), Grid(10, 10, 4), (1, 2, 0)),
        (box(10, 10, 16, dtype=bool), Grid(10, 10, 16), (0, 1, 2)),  # four frames stacked
        (box(16, 10, 10), Grid(10, 10, 16), (1, 2, 0)),
        (box(10, 10, 10, dtype=bool), Grid(10, 10, 10), (0, 1, 2)),
        (box(3, 8, 9), Grid(8, 9, 3), (1, 2, 0)),
        (box(8, 9, 3), Grid(8, 9, 3), (0, 1, 2)),
        (box(36, 40, 3, dtype=np.uint8), Grid(36, 40, 3), (0, 1, 2)),
        (box(3, 36, 40, dtype=np.uint8), Grid(36, 40, 3), (1, 2, 0)),
        (box(4, 10, 10, 3, dtype=bool), Grid(10, 10, 12), (1, 2, 0, 3)),  # frames in front
        (box(4, 3, 10, 10, dtype=bool), Grid(10, 10, 12), (2, 3, 0, 1)),
    ],
    ids=str,
)
def test_where_rows_columns_and_channels_are(space, grid, axes):
    assert image_layout(space) == (grid, axes)


@pytest.mark.parametrize("space", [box(5), box(2, 2, 2, 2, 2), spaces.Discrete(3), spaces.Dict({"a": box(6, 7)})])
def test_what_is_no_image(space):
    assert image_layout(space) is None
    with pytest.raises(ValueError, match=r"patches look at squares of images.*got observations.*leave patches out"):
        CnnPolicy(space, TWO)


@pytest.mark.parametrize(
    ("shape", "picture"),
    [
        ((6, 7, 2), lambda obs: obs),
        ((2, 6, 7), lambda obs: np.moveaxis(obs, 0, -1)),
        ((3, 6, 7, 2), lambda obs: np.concatenate(list(obs), -1)),
    ],
    ids=["channels last", "channels first", "frames"],
)
@pytest.mark.parametrize("dtype", [bool, np.float32])
def test_the_first_array_sees_squares_of_the_picture(shape, picture, dtype):
    policy = PIBPolicy(box(*shape, dtype=dtype), TWO, patches=((3, 3, 1),), **SMALL)
    obs = np.random.default_rng(0).random(shape) > 0.5
    flat = policy.flatten(policy.obs_to_tensor(obs.astype(dtype))[0])
    squares = policy.model.network.chain[0].inputs(flat).numpy()
    expected = picture(obs.astype(np.float32))
    assert squares.shape == (42, 9 * expected.shape[2])
    np.testing.assert_array_equal(squares[7 + 2].reshape(3, 3, -1), expected[0:3, 1:4])  # around row 1, column 2
    np.testing.assert_array_equal(policy.flatten_one(policy.obs_to_tensor(obs.astype(dtype))[0]), flat[0])


def moved(learner: str, patch_rate: float) -> list[float]:
    """How far the weights of the array of squares, and of the one behind it, move in one short training."""
    agent = PIB(
        "MlpPolicy",
        DummyVecEnv([lambda: World(box(6, 7, 2), TWO)]),
        patches=PATCHES[:1],
        learner=learner,
        objective="ridge",  # a decoder that remembers moves nothing at first
        n_steps=64,
        batch_size=32,
        n_epochs=2,
        rule={"hidden_rate": 1e-5, "hidden_decay": 0.0, "hidden_steps": 2, "patch_rate": patch_rate},
        **SMALL,
    )
    chain = agent.policy.model.network.chain
    before = [unit.array.weights().clone() for unit in chain]
    agent.learn(192)
    return [float((unit.array.weights() - old).abs().mean()) for unit, old in zip(chain, before, strict=True)]


@pytest.mark.parametrize("learner", ["pib", "backprop", "dfa", "local-td"])
def test_arrays_of_squares_learn_at_a_rate_of_their_own(learner):
    whole, tenth, none = (moved(learner, patch_rate) for patch_rate in (1.0, 0.1, 0.0))
    assert none[0] == 0
    assert whole[0] > 1e-6
    assert tenth[0] == pytest.approx(0.1 * whole[0], rel=0.05)
    assert whole[1] == pytest.approx(tenth[1], rel=0.05)
    assert whole[1] == pytest.approx(none[1], rel=0.05)


def test_bytes_are_seen_from_0_to_1_wherever_the_channels_are():
    last = PIBPolicy(box(14, 12, 3, dtype=np.uint8), TWO, patches=PATCHES, **SMALL)
    first = PIBPolicy(box(3, 14, 12, dtype=np.uint8), TWO, patches=PATCHES, **SMALL)
    obs = np.random.default_rng(0).integers(0, 256, (14, 12, 3), dtype=np.uint8)
    one = last.flatten(torch.from_numpy(obs[None]))
    assert torch.equal(one, first.flatten(torch.from_numpy(np.moveaxis(obs, -1, 0)[None].copy())))
    assert torch.equal(one, torch.from_numpy(obs.reshape(1, -1)) / 255)


def test_without_patches_observations_keep_the_order_they_had():
    obs = torch.arange(84.0).reshape(1, 2, 6, 7)
    assert torch.equal(PIBPolicy(box(2, 6, 7), TWO, width=4).flatten(obs), obs.flatten(1))


@pytest.mark.parametrize("chips", [1, 2])
@pytest.mark.parametrize(
    "space", [box(6, 7, 2, dtype=bool), box(2, 6, 7), box(6, 7), box(6, 7, 1, dtype=np.uint8)], ids=str
)
def test_images_of_all_kinds_learn_and_come_back(space, chips, tmp_path):
    env = DummyVecEnv([lambda: World(space, TWO)] * 2)
    agent = PIB("MlpPolicy", env, n_steps=6, patches=PATCHES, chips=chips, **SMALL).learn(12)
    first, second, third = agent.policy.model.network.chain
    assert (first.out_features, second.positions, third.positions) == (3 * 42, 12, 1)
    agent.save(tmp_path / "agent.zip")
    again = PIB.load(tmp_path / "agent.zip", env=env)
    obs = np.stack([agent.observation_space.sample() for _ in range(2)])
    states = again.policy.state_dict()
    assert all(torch.equal(value, states[name]) for name, value in agent.policy.state_dict().items())
    np.testing.assert_array_equal(again.predict(obs, deterministic=True)[0], agent.predict(obs, deterministic=True)[0])
    single = agent.policy.of_chip(chips - 1)
    np.testing.assert_array_equal(
        single.predict(obs[-1:], deterministic=True)[0], agent.predict(obs, deterministic=True)[0][-1:]
    )


@pytest.mark.parametrize("stack", ["observations", "vec"])
def test_stacked_frames_learn(stack):
    space = box(6, 6, 2, dtype=bool)
    env = DummyVecEnv([lambda: World(space, TWO) if stack == "vec" else FrameStackObservation(World(space, TWO), 4)])
    agent = PIB("CnnPolicy", VecFrameStack(env, 4) if stack == "vec" else env, n_steps=12, **SMALL).learn(24)
    assert agent.policy.model.chip.image == (6, 6, 8)


def test_the_policy_for_images_has_patches_unless_told_otherwise():
    space = box(6, 7, 2)
    assert CnnPolicy(space, TWO, **SMALL).model.chip.patches == ((16, 3, 1),)
    assert CnnPolicy(space, TWO, patches=PATCHES, **SMALL).model.chip.patches == PATCHES
    assert CnnPolicy(space, TWO, patches=(), **SMALL).model.chip.patches == ()
    assert PIB("CnnPolicy", World(space, TWO), n_steps=8, **SMALL).policy.model.chip.patches == ((16, 3, 1),)


def test_all_pixels_share_their_statistics():
    policy = PIBPolicy(box(6, 7, 2, dtype=bool), TWO, patches=PATCHES, **SMALL)
    policy.model.normaliser.update((torch.rand(50, 84, generator=torch.Generator().manual_seed(0)) > 0.9).float())
    assert policy.model.normaliser.mean.unique().numel() == 1


def test_a_patch_larger_than_the_image_is_refused():
    with pytest.raises(ValueError, match="patches: a patch of 9 pixels does not fit an image of 6 x 7; give it a sm"):
        PIBPolicy(box(6, 7), TWO, patches=((4, 9, 1),))


@pytest.mark.parametrize("learner", ["forward-forward"])
def test_learners_that_need_inputs_for_actions_are_refused(learner):
    with pytest.raises(ValueError, match=r"patches see no inputs but the image.*choose another learner"):
        PIB("CnnPolicy", World(box(6, 7), TWO), learner=learner, n_steps=8)


def test_patches_from_texts():
    assert parse_patches(["16:3:1", "8:5:2"]) == ((16, 3, 1), (8, 5, 2))
    assert parse_patches(["none"]) == parse_patches([]) == ()
    for wrong in ("16:3", "16x3x1", "a:b:c", "16:3:1:1", "-1:3:1"):
        with pytest.raises(ValueError, match=f"none or CHANNELS:SIZE:STRIDE, such as 32:5:2, got '{wrong}'"):
            parse_patches([wrong])
